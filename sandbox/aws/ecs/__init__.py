"""Amazon ECS: services whose deployments take time, fail, and are rolled back."""
