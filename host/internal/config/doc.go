// Package config joins a YAML file, the environment and flags into one checked [Config].
//
// Every setting has one row in [Settings], from which its flag, its variable and its place in the
// file follow; a flag wins over the environment, that over the file, and that over the default.
// Settings of single plugins are in the file only.
//
// [Load] reports all problems at once, each with the place it came from, and a file with a key that
// nobody knows is refused. The result is a value that nobody changes. This package touches no
// directory that it names: it looks, to tell early what cannot work, and creates nothing.
package config
