"""`acorn serve`: models behind OpenAI's protocol, and the page to talk to them."""
