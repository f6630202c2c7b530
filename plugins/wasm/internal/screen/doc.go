// Package screen writes what a command has found: a [Table] of names and texts for people, or [JSON] for programs.
//
// Where the output is a terminal, long texts are wrapped at its width, with their names standing free; elsewhere each
// stays on its line, so that tools that go by lines find it whole. Texts are written as they are: who shows what
// comes from a module has made it harmless before.
package screen
