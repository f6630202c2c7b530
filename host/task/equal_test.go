package task

import "testing"

func TestSpecEqual(t *testing.T) {
	base := `,"timeout":"10m","restart":{"policy":"onFailure"}`
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same", doc(base), doc(base), true},
		{"defaults written out", doc(""), doc(`,"startTimeout":"10m","restart":{"policy":"never"},"admission":"dropIfRunning",` +
			`"backoff":{"first":"1s","max":"30s","factor":2,"jitter":"full"},"runnerSelector":{}`), true},
		{"another spelling of a duration", doc(`,"timeout":"90s"`), doc(`,"timeout":"1m30s"`), true},
		{"timeout", doc(base), doc(`,"restart":{"policy":"onFailure"}`), false},
		{"retries", doc(base), doc(base + `,"maxRetries":1`), false},
		{"retries the same", doc(base + `,"maxRetries":1`), doc(base + `,"maxRetries":1`), true},
		{"selector in another order",
			doc(`,"runnerSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["x","y"]},{"key":"b","operator":"Exists"}]}`),
			doc(`,"runnerSelector":{"matchExpressions":[{"key":"b","operator":"Exists"},{"key":"a","operator":"In","values":["y","x","y"]},{"key":"b","operator":"Exists"}]}`), true},
		{"selector", doc(`,"runnerSelector":{"matchLabels":{"a":"b"}}`), doc(""), false},
	} {
		a, errA := Decode([]byte(c.a))
		b, errB := Decode([]byte(c.b))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := a.Spec.Equal(&b.Spec); got != c.want || b.Spec.Equal(&a.Spec) != got {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWorkloadEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[1,2]}`, `{ "b" : [1, 2], "a": 1 }`, true},
		{`{"a":{"y":1,"x":2}}`, `{"a":{"x":2,"y":1}}`, true},
		{`{"a":"A/"}`, `{"a":"\u0041\/"}`, true},
		{``, `{}`, true},
		{``, ` { } `, true},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":null}`, `{}`, false},
		{`{"a":1`, `{"a":1}`, false},
	} {
		a, b := Workload{Spec: []byte(c.a)}, Workload{Spec: []byte(c.b)}
		if got := a.Equal(b); got != c.want || b.Equal(a) != got {
			t.Errorf("%s and %s: got %v, want %v", c.a, c.b, got, c.want)
		}
		if string(a.Spec) != c.a || string(b.Spec) != c.b {
			t.Errorf("%s and %s: changed by comparing them", c.a, c.b)
		}
	}
	if (Workload{Kind: "A"}).Equal(Workload{Kind: "B"}) {
		t.Error("different kinds are equal")
	}
}

func TestMetadataEqual(t *testing.T) {
	a := Metadata{Name: "a", Generation: 3, Labels: map[string]string{}}
	b := Metadata{Name: "b"}
	if !a.Equal(&b) {
		t.Error("no labels must equal empty labels, whatever the host made")
	}
	b.Annotations = map[string]string{"x": "1"}
	if a.Equal(&b) {
		t.Error("annotations must count")
	}
}
