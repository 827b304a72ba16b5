"""Every message on every topic and every API body: the source of truth between services."""
