// Package archtest keeps what the compiler does not: which package may import which, that packages
// and exported names say what they promise, and that no file tells about the machine it was written
// on. It has tests only.
//
// The table of imports is in imports_test.go. A package that is not in it is refused, so that a new
// package begins with the question what it may know.
package archtest
