"""Says what a picture shows, with a model that the user supplies."""
