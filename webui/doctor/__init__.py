"""What is wrong, and what to do: checks for the command line, the System page and the API, and a report to hand on."""
