"""Amazon RDS: clusters and instances whose failovers, reboots and snapshots take time."""
