// Package rig runs a host as a process of its own, the way an operator would, and kills it the way
// nobody should. It knows the program, its flags and its files, and nothing of what is inside.
package rig
