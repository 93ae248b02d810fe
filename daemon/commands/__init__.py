"""The commands, a module a family: parse, call one function that returns data, print."""
