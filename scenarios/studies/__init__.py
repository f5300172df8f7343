"""Many runs: cells of axes, replicas, what is estimated from them and what theory says."""
