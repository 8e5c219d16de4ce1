"""Stages of the study ``temporal-filters``."""
