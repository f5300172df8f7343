"""Trust graphs: who trusts whom, read from files and scenarios, merged, described and drawn."""
