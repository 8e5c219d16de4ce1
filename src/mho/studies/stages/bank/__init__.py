"""Stages of the study of a bank of neurons, each tuned to a presynaptic rate."""
