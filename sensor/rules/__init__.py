"""Sigma rules over the events as logged: read, checked, compiled once, evaluated in packet time."""
