package task

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, c := range refusals {
		f.Add([]byte(c.doc))
	}
	files, _ := filepath.Glob("../../examples/specs/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(doc(`,"timeout":"1s","backoff":null`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode(data)
		if err != nil {
			var all FieldErrors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Fatalf("error %#v is no list of problems", err)
			}
			for _, p := range all {
				if p.Message == "" || len(p.Message) > 1000 {
					t.Fatalf("message of %d bytes: %.200s", len(p.Message), p.Message)
				}
			}
		}
		bothWays(t, data)
		if err != nil {
			return
		}
		if err := got.Validate(); err != nil {
			t.Fatalf("accepted, but invalid: %v", err)
		}
		inJSON, err := got.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(inJSON)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%v: %s\ngot  %+v\nwant %+v", err, inJSON, again, got)
		}
	})
}

// bothWays checks that the fast way and the one that finds all problems take the same documents and
// read them alike.
func bothWays(t *testing.T, data []byte) {
	if !isJSON(data) || len(data) > MaxDocument {
		return
	}
	fast, errFast := decodeFast(data)
	slow, errSlow := decodeSlow(data, nil)
	if (errFast == nil) != (errSlow == nil) {
		t.Fatalf("the fast way says %v, the slow way %v", errFast, errSlow)
	}
	if errFast == nil && !reflect.DeepEqual(fast, slow) {
		t.Fatalf("the fast way reads %+v, the slow way %+v", fast, slow)
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, c := range selectorTexts {
		f.Add(c.text)
	}
	for _, c := range brokenSelectors {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("%q: accepted, but invalid: %v", text, err)
		}
		again, err := ParseSelector(s.String())
		if err != nil || !s.Equal(again) {
			t.Fatalf("%q: %q reads as %q, %v", text, s, again, err)
		}
	})
}
