package task

import (
	"reflect"
	"strings"
	"testing"
)

// selectorTexts are texts with what ParseSelector makes of them, as String writes it.
var selectorTexts = []struct{ text, want string }{
	{"", ""},
	{"  ", ""},
	{"a=b", "a=b"},
	{"a==b", "a=b"},
	{" a = b ", "a=b"},
	{"a=", "a="},
	{"a!=b", "a notin (b)"},
	{"a in (x,y)", "a in (x,y)"},
	{"a in(x , y )", "a in (x,y)"},
	{"a notin (x)", "a notin (x)"},
	{"a in ()", "a in ()"},
	{"a in (,x)", "a in (,x)"},
	{"a", "a"},
	{"!a", "!a"},
	{"! a", "!a"},
	{"in in (in)", "in in (in)"},
	{"in", "in"},
	{"notin,in", "notin,in"},
	{"a=b,a=c", "a=b,a in (c)"},
	{"app=web,tier in (a,b),!canary", "app=web,tier in (a,b),!canary"},
	{"b=1,x,a=2", "a=2,b=1,x"},
	{"acme.dev/team=x", "acme.dev/team=x"},
}

// brokenSelectors are texts that ParseSelector refuses, with the end of its error.
var brokenSelectors = []struct{ text, want string }{
	{"=", "at byte 1: the key must not be empty"},
	{"a,", "at byte 3: the key must not be empty"},
	{",a", "at byte 1: the key must not be empty"},
	{"a b", "at byte 3: want one of =, ==, !=, in, notin, a comma or the end"},
	{"a>1", "at byte 1: the key must begin and end with a letter or digit and have only '-', '_' and '.' besides"},
	{"a=b c", "at byte 5: want a comma or the end"},
	{"a=b=c", "at byte 4: want a comma or the end"},
	{"a===b", "at byte 4: want a comma or the end"},
	{"a in x", "at byte 6: want ( and the values"},
	{"a in (x", "at byte 8: want a comma or )"},
	{"a in ((x))", "at byte 7: want a comma or )"},
	{"a in (x))", "at byte 9: want a comma or the end"},
	{"!a=b", "at byte 3: want a comma or the end"},
	{"a=-", `at byte 3: the value "-" must begin and end with a letter or digit and have only '-', '_' and '.' besides`},
	{"A.B/c", `at byte 1: the key's prefix "A.B": must consist of a-z, 0-9, '-' and '.', with a letter or digit at both ends of each part`},
}

func TestParseSelector(t *testing.T) {
	for _, c := range selectorTexts {
		s, err := ParseSelector(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := s.String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
	want := &Selector{
		MatchLabels:      map[string]string{"a": "b"},
		MatchExpressions: []Requirement{{Key: "c", Operator: NotIn, Values: []string{"d"}}, {Key: "e", Operator: DoesNotExist}},
	}
	if got, err := ParseSelector("a=b,c!=d,!e"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestParseSelectorSaysWhatIsWrong(t *testing.T) {
	for _, c := range brokenSelectors {
		_, err := ParseSelector(c.text)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
			t.Errorf("%q: got %v, want ...%s", c.text, err, c.want)
		}
	}
	if _, err := ParseSelector(strings.Repeat("a", MaxSelectorText+1)); err == nil || len(err.Error()) > 200 {
		t.Errorf("too long a text: got %v", err)
	}
}

func TestSelectorMatches(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "a", "empty": ""}
	for text, want := range map[string]bool{
		"": true, "app": true, "!app": false, "none": false, "!none": true,
		"app=web": true, "app=db": false, "none=": false, "empty=": true,
		"app!=web": false, "app!=db": true, "none!=x": true,
		"tier in (a,b)": true, "tier in (b)": false, "none in (a)": false,
		"tier notin (a,b)": false, "tier notin (b)": true, "none notin (a)": true,
		"app=web,tier=a,!none": true, "app=web,tier=b": false,
	} {
		s, err := ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Matches(labels); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		if got := s.Unmet(labels) == ""; got != want {
			t.Errorf("%q: unmet is %q", text, s.Unmet(labels))
		}
	}
	var none *Selector
	if !none.Matches(nil) || none.Unmet(nil) != "" || none.String() != "" || none.Validate() != nil {
		t.Error("a nil selector must match everything")
	}
	if s := (&Selector{MatchExpressions: []Requirement{{Key: "app", Operator: "like"}}}); s.Matches(labels) || s.Validate() == nil {
		t.Error("an unknown operator must match nothing")
	}
}

func TestSelectorSaysWhatIsUnmet(t *testing.T) {
	s := &Selector{
		MatchLabels:      map[string]string{"app": "web", "zone": "eu"},
		MatchExpressions: []Requirement{{Key: "gpu", Operator: Exists}},
	}
	for _, c := range []struct {
		labels map[string]string
		want   string
	}{
		{map[string]string{"app": "web", "zone": "us"}, `zone=eu (zone is "us")`},
		{map[string]string{"app": "web"}, "zone=eu (there is no label zone)"},
		{map[string]string{"app": "web", "zone": "eu"}, "gpu (there is no label gpu)"},
		{map[string]string{"app": "web", "zone": "eu", "gpu": ""}, ""},
	} {
		if got := s.Unmet(c.labels); got != c.want {
			t.Errorf("%v: got %q, want %q", c.labels, got, c.want)
		}
	}
}
