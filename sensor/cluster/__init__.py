"""Certificates that many sensors share: the same look-up over a Redis or Valkey Cluster, and what loads one."""
