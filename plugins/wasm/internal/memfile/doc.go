// Package memfile makes files that live in memory and, once sealed, can be changed by nobody.
//
// What a sealed file holds is what was checked before it was sealed: no process that is given a
// descriptor of it, and none that opens it anew through /proc, can write to it, make it longer or
// shorter, or take the seals off. So bytes that were verified once may be handed to any number of
// processes as verified.
package memfile
