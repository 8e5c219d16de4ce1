"""Stages of the study ``analog-inference``."""
