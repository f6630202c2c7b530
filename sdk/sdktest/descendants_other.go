//go:build !linux

package sdktest

// A descendant is a process below a plugin. Only Linux tells which there are.
type descendant struct{ pid int }

func descendants(int) []descendant { return nil }

func (descendant) alive() bool { return false }

func (descendant) kill() {}

func openFiles(int) int { return -1 }
