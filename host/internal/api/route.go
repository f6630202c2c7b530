package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// Prefix is the path of all resources.
const Prefix = "/apis/" + task.APIVersion

// A Route is one method on one path.
type Route struct {
	Method string
	Path   string // a pattern of net/http, without the method
	Open   bool   // answers without a credential

	handle func(*Server, http.ResponseWriter, *http.Request) error
}

// Routes returns the static table of all routes. A path not in it is answered 404, a method not in
// it 405; GET includes HEAD.
func Routes() []Route { return slices.Clone(routes[:]) }

const (
	pathTasks  = Prefix + "/tasks"
	pathTask   = Prefix + "/tasks/{name}"
	pathCancel = Prefix + "/tasks/{name}/cancel"
	pathRuns   = Prefix + "/tasks/{name}/runs"
	pathOutput = Prefix + "/tasks/{name}/output"
)

var routes = [...]Route{
	{http.MethodPost, pathTasks, false, (*Server).createTask},
	{http.MethodGet, pathTasks, false, (*Server).listTasks},
	{http.MethodPut, pathTask, false, (*Server).applyTask},
	{http.MethodGet, pathTask, false, (*Server).getTask},
	{http.MethodDelete, pathTask, false, (*Server).deleteTask},
	{http.MethodPost, pathCancel, false, (*Server).cancelTask},
	{http.MethodGet, pathRuns, false, (*Server).listRuns},
	{http.MethodGet, pathOutput, false, (*Server).readOutput},
	{http.MethodGet, Prefix + "/plugins", false, (*Server).listPlugins},
	{http.MethodGet, Prefix + "/plugins/{name}", false, (*Server).getPlugin},
	{http.MethodPost, Prefix + "/explain", false, (*Server).explain},
	{http.MethodGet, Prefix + "/version", false, (*Server).version},
	{http.MethodGet, "/livez", true, (*Server).live},
	{http.MethodGet, "/readyz", false, (*Server).ready},
	{http.MethodGet, "/metrics", false, (*Server).metrics},
}

// newMux joins the routes with the answers for what is in none of them.
func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, s.answering(r))
		methods[r.Path] = append(methods[r.Path], r.Method)
		if r.Method == http.MethodGet {
			methods[r.Path] = append(methods[r.Path], http.MethodHead)
		}
	}
	for path, known := range methods {
		mux.Handle(path, s.wrongMethod(known))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errNoRoute) })
	return mux
}

var errNoRoute = refuse(task.ReasonNotFound, "no such path; docs/api.md lists them, all resources are under "+Prefix)

// answering turns a handler that returns an error into one that answers it.
func (s *Server) answering(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			rec.path = route.Path
		}
		if err := route.handle(s, w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

func (s *Server) wrongMethod(known []string) http.HandlerFunc {
	slices.Sort(known)
	allow := strings.Join(known, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		s.fail(w, r, refuse(task.ReasonMethodNotAllowed, "this path knows "+allow+" only"))
	}
}

// open reports whether the path answers without a credential.
func open(path string) bool {
	return slices.ContainsFunc(routes[:], func(r Route) bool { return r.Open && r.Path == path })
}

// plainPath reports whether p is what a route's path can be. Others would be redirected by the mux.
func plainPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.Contains(p, "//") &&
		!strings.Contains(p, "/./") && !strings.Contains(p, "/../") &&
		!strings.HasSuffix(p, "/.") && !strings.HasSuffix(p, "/..")
}
