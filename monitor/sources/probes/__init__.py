"""Probes: each asks one service one question within one deadline, and whatever happens is an answer."""
