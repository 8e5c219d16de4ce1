"""Stages of the study of learning in place."""
