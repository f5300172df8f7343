"""Benchmarks: measured by hand or in campaigns, never timed by a test."""
