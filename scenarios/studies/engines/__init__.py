"""Who computes replicas: processes of this machine, or a cluster. The results are the same."""
