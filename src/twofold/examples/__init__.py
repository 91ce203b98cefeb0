"""The examples: small applications, each a package of events, write model, read models and questions."""
