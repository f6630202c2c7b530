package task

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Locate returns problems that were found only after decoding with the lines of their fields, and in
// the order of the document: the n-th of data, counted from 1 as [DecodeAll] does. A field that is
// not there has the line of what should hold it. Without lines, as in JSON, e is returned as it is.
func Locate(data []byte, n int, e FieldErrors) FieldErrors {
	if len(e) == 0 || n < 1 || n > MaxPage || len(data) > MaxDocument || isJSON(data) {
		return e
	}
	docs, err := splitYAML(data, n)
	if err != nil || len(docs) < n {
		return e
	}
	src := new(yamlSource)
	if src.convert(docs[n-1]) != nil {
		return e
	}
	w := &walker{data: src.json, dec: jsontext.NewDecoder(bytes.NewReader(src.json), lenient), places: make(map[string]int64), nulls: make(map[string]bool)}
	wanted := make([]string, len(e))
	for i, p := range e {
		wanted[i] = p.Path
	}
	if w.seek(wanted) != nil {
		return e
	}
	located := slices.Clone(e)
	for i := range located {
		if p := &located[i]; p.Line == 0 && p.Path != "" {
			p.Line = src.line(w.place(p.Path))
		}
	}
	slices.SortStableFunc(located, func(a, b FieldError) int { return cmp.Compare(a.Line, b.Line) })
	return located
}

// seek remembers the places of the values on the way to some paths, within the next value.
func (w *walker) seek(wanted []string) error {
	in := func() error {
		path := w.path()
		var below []string
		for _, p := range wanted {
			if within(path, p) {
				below = append(below, p)
			}
		}
		if len(below) == 0 {
			return w.dec.SkipValue()
		}
		w.places[path] = w.stack[len(w.stack)-1].at
		return w.seek(below)
	}
	switch w.dec.PeekKind() {
	case '{':
		return w.members(func(string) error { return in() })
	case '[':
		return w.items(in)
	}
	return w.dec.SkipValue()
}
