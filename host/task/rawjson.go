package task

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds the nesting of a workload's spec, the spec itself being the first level.
const MaxDepth = 128

var errDepth = fmt.Errorf("must not be nested deeper than %d levels", MaxDepth)

// checkObject returns nil if raw is absent or one JSON object as the decoder takes it.
func checkObject(raw []byte) error {
	switch {
	case len(raw) == 0:
		return nil
	case len(raw) > MaxDocument:
		return errTooLarge
	case !jsontext.Value(raw).IsValid():
		return errors.New("must be valid JSON in UTF-8, without duplicate names")
	case jsontext.Value(raw).Kind() != '{':
		return fmt.Errorf("must be an object, not %s", kindName(jsontext.Value(raw).Kind()))
	case depth(raw) > MaxDepth:
		return errDepth
	}
	return nil
}

// compact removes the space between the tokens of valid JSON, in place, and returns what is left
// with its depth. Strings and numbers stay as they were written.
func compact(raw []byte) ([]byte, int) {
	level, deepest, n := 0, 0, 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			level++
			deepest = max(deepest, level)
		case '}', ']':
			level--
		case '"':
			end := i + stringLen(raw[i:])
			n += copy(raw[n:], raw[i:end])
			i = end - 1
			continue
		}
		raw[n] = c
		n++
	}
	return raw[:n], deepest
}

// depth returns how deeply valid JSON is nested.
func depth(raw []byte) int {
	level, deepest := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			level++
			deepest = max(deepest, level)
		case '}', ']':
			level--
		case '"':
			i += stringLen(raw[i:]) - 1
		}
	}
	return deepest
}

// stringLen returns the length of the string that b begins with, quotes included.
func stringLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// sameJSON reports whether two objects in JSON mean the same: the order of members, space and the
// spelling of strings do not count. Numbers are the same if they are written the same, so that no
// precision is ever lost. Nothing is the same as the empty object.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	na, errA := normal(a)
	nb, errB := normal(b)
	return errA == nil && errB == nil && bytes.Equal(na, nb)
}

func normal(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return []byte("{}"), nil
	}
	v := jsontext.Value(bytes.Clone(raw))
	err := v.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false))
	return v, err
}

// kindName names a kind of JSON value with its article.
func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	default:
		return "an object"
	}
}
