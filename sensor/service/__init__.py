"""Being a service: rights given up before the first packet, and what the service manager is told."""
