"""The background process: relays events to jobs, does jobs, and asks every minute what is due. It decides nothing."""
