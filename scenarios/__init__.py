"""The shell: scenario files, the simulated network of hospitals, run directories, the command."""
