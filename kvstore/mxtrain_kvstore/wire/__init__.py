"""The data plane's protocol: messages, their declared forms, and their encoding."""
