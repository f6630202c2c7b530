package guest

import (
	"errors"
	"regexp"
	"strings"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// kinds holds the kind of trap for each of the engine's texts.
var kinds = map[string]wire.TrapKind{
	"unreachable":                   wire.TrapUnreachable,
	"out of bounds memory access":   wire.TrapMemory,
	"invalid table access":          wire.TrapTable,
	"null reference":                wire.TrapNull,
	"indirect call type mismatch":   wire.TrapIndirectType,
	"integer divide by zero":        wire.TrapDivision,
	"integer overflow":              wire.TrapOverflow,
	"invalid conversion to integer": wire.TrapConversion,
	"stack overflow":                wire.TrapStack,
	"unaligned atomic":              wire.TrapUnalignedAtomic,
}

const stackHeader = "\nwasm stack trace:\n"

// trapOf reads an error of the engine.
func trapOf(err error, module string) wire.Trap {
	text, stack, _ := strings.Cut(err.Error(), stackHeader)
	t := wire.Trap{Kind: wire.TrapOther, Message: text}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if kind, ok := kinds[e.Error()]; ok {
			t.Kind, t.Message = kind, e.Error()
			break
		}
	}
	if t.Kind == wire.TrapOther {
		t = outOfBounds(t)
	}
	t.Frames = framesOf(stack, module)
	return t
}

// outOfBounds gives a kind to what instantiation says of segments that do not fit.
func outOfBounds(t wire.Trap) wire.Trap {
	switch {
	case strings.HasPrefix(t.Message, "data["):
		t.Kind = wire.TrapMemory
	case strings.HasPrefix(t.Message, "section element"), strings.HasPrefix(t.Message, "element["):
		t.Kind = wire.TrapTable
	}
	return t
}

// signature matches the types that the engine puts behind a function's name.
var signature = regexp.MustCompile(`\([a-z0-9,]*\)( [a-z0-9]+| \([a-z0-9,]+\))?$`)

// address matches what the engine puts before a line of the source.
var address = regexp.MustCompile(`^0x[0-9a-f]+: `)

// framesOf reads the engine's stack: one line for each function, and below it, further in, lines of its
// source, of which the first is the innermost.
func framesOf(stack, module string) (frames []wire.Frame) {
	for line := range strings.Lines(stack) {
		line = strings.TrimRight(line, "\n")
		name, ok := strings.CutPrefix(line, "\t")
		if !ok || name == "" {
			break // Go's own stack, behind an empty line
		}
		if source, ok := strings.CutPrefix(name, "\t"); ok {
			if last := len(frames) - 1; last >= 0 && frames[last].Source == "" {
				frames[last].Source = address.ReplaceAllString(source, "")
			}
			continue
		}
		if strings.HasPrefix(name, "... maybe followed") || len(frames) == wire.MaxFrames {
			break
		}
		name = signature.ReplaceAllString(name, "")
		frames = append(frames, wire.Frame{Function: strings.TrimPrefix(name, module+".")})
	}
	return frames
}
