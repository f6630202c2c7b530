// Package child says what the plugin's children can be: a compiler that compiles or only checks a module (package
// compile), and a worker that runs guests (package worker). The plugin's own binary, the one of workers inside it and
// the binaries of tests serve as either, by one argument, and know that argument from here alone.
package child
