"""Stages that studies are composed of: each takes a context and gives an outcome."""
