"""When things happen: events, processes, schedule, people."""
