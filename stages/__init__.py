"""What happens to a paper on a machine: each stage is a function of one `run.Settings`."""
