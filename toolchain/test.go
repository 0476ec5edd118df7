package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
)

// testLimit stops a single test that does not end, where the scheduler gets a turn; what gives it none is ended by the
// host's limit on the whole call.
const testLimit = 10 * time.Second

type testResult struct {
	Entrypoint string          `json:"entrypoint"`
	Package    string          `json:"package"`
	Name       string          `json:"name"`
	File       string          `json:"file"`
	Row        int             `json:"row"`
	Col        int             `json:"col"`
	Outcome    string          `json:"outcome"` // pass, fail, error, skip
	Message    string          `json:"message,omitempty"`
	Cases      map[string]bool `json:"cases,omitempty"`
	Printed    string          `json:"printed,omitempty"`
	FailedAt   *fault          `json:"failedAt,omitempty"`
	Values     string          `json:"values,omitempty"` // of what the failed assertion names, below its text
	Trace      string          `json:"trace,omitempty"`
}

// opTest runs every test rule in OPA's interpreter, in the order of the files. A failing test is run once more with a
// trace, so that the answer says which expression failed.
func opTest(req *request) (any, error) {
	var covered *cover.Cover
	if req.Coverage {
		covered = cover.New()
	}
	run, err := runTests(req, covered, nil)
	if err != nil {
		return nil, err
	}
	failing := []ast.Ref{}
	for _, result := range run.results {
		if result.Fail {
			failing = append(failing, testRef(result))
		}
	}
	traces := map[string][]*topdown.Event{}
	if len(failing) > 0 {
		traced, err := runTests(req, nil, failing)
		if err != nil {
			return nil, err
		}
		for _, result := range traced.results {
			traces[testRef(result).String()] = result.Trace
		}
	}
	out := make([]testResult, 0, len(run.results))
	for _, result := range run.results {
		out = append(out, run.describe(result, traces[testRef(result).String()]))
	}
	answer := map[string]any{"tests": out}
	if covered != nil {
		answer["coverage"] = coverageOf(covered, run.modules)
	}
	return answer, nil
}

type testRun struct {
	modules map[string]*ast.Module
	renamed map[string]string
	results []*tester.Result
}

func runTests(req *request, covered *cover.Cover, only []ast.Ref) (*testRun, error) {
	caps := testCapabilities()
	modules, err := parse(req.Files, caps)
	if err != nil {
		return nil, err
	}
	run := &testRun{modules: modules, renamed: renameDuplicateTests(modules)}
	ctx := context.Background()
	store := inmem.NewFromObjectWithOpts(orEmpty(req.Data), inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)

	compiler := ast.NewCompiler().WithCapabilities(caps).WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflicts(req.Data))
	runner := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(modules).
		SetParallel(1).SetTimeout(testLimit).CapturePrintOutput(true).SetCoverageRuns(nil)
	if covered != nil {
		runner = runner.SetCoverageQueryTracer(covered)
	}
	if req.Filter != "" {
		runner = runner.Filter(req.Filter)
	}
	if len(only) > 0 {
		runner = runner.SetPrefixMatchers(only...).EnableTracing(true)
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, &unsound{err, modules, req}
	}
	for result := range results {
		run.results = append(run.results, result)
	}
	slices.SortFunc(run.results, func(a, b *tester.Result) int {
		return cmpAll(a.Location.Compare(b.Location), strings.Compare(a.Name, b.Name))
	})
	return run, nil
}

func testRef(result *tester.Result) ast.Ref {
	return ast.MustParseRef(result.Package).Concat(textTerms(ast.MustParseTerm(result.Name)))
}

// textTerms are the parts of a rule's name as the data document has them: strings, whatever the rule's head wrote.
func textTerms(name *ast.Term) []*ast.Term {
	ref, ok := name.Value.(ast.Ref)
	if !ok {
		ref = ast.Ref{name}
	}
	terms := make([]*ast.Term, 0, len(ref))
	for _, term := range ref {
		if v, ok := term.Value.(ast.Var); ok {
			term = ast.StringTerm(string(v))
		}
		terms = append(terms, term)
	}
	return terms
}

func (run *testRun) describe(result *tester.Result, trace []*topdown.Event) testResult {
	ref := testRef(result)
	out := testResult{
		Entrypoint: entrypointOf(ref),
		Package:    strings.TrimPrefix(result.Package, "data."),
		Name:       result.Name,
		File:       result.Location.File,
		Row:        result.Location.Row,
		Col:        result.Location.Col,
		Outcome:    "pass",
		Printed:    string(result.Output),
	}
	if original, ok := run.renamed[out.Entrypoint]; ok {
		out.Name = original
	}
	switch {
	case result.Skip:
		out.Outcome = "skip"
	case result.Error != nil:
		out.Outcome, out.Message = "error", result.Error.Error()
	case result.Fail:
		out.Outcome = "fail"
		out.FailedAt, out.Values = failedAt(trace, result.Location.File)
		var text bytes.Buffer
		topdown.PrettyTraceWithLocation(&text, lineage.Fails(trace))
		out.Trace = text.String()
	}
	if len(result.SubResults) > 0 {
		out.Cases = map[string]bool{}
		for name, sub := range result.SubResults.Iter {
			if len(sub.SubResults) == 0 {
				out.Cases[strings.Join(name, "/")] = !sub.Fail
			}
		}
	}
	return out
}

// failedAt is the last expression of the test's own file that failed: the assertion, as a rule; with the values of the
// variables and rules that it names, drawn below its text as `opa test --var-values` does.
func failedAt(trace []*topdown.Event, file string) (*fault, string) {
	for _, event := range slices.Backward(trace) {
		expr, ok := event.Node.(*ast.Expr)
		if !ok || event.Op != topdown.FailOp || expr.Location == nil || expr.Location.File != file {
			continue
		}
		f := &fault{Code: "test_failed", Message: string(expr.Location.Text)}
		locate(f, expr.Location)
		var values bytes.Buffer
		if err := topdown.PrettyEvent(&values, event, topdown.PrettyEventOpts{PrettyVars: true}); err != nil {
			return f, ""
		}
		return f, values.String()
	}
	return nil, ""
}

func entrypointOf(ref ast.Ref) string {
	parts := make([]string, 0, len(ref)-1)
	for _, term := range ref[1:] {
		parts = append(parts, fmt.Sprint(plain(term.Value)))
	}
	return strings.Join(parts, "/")
}

// renameDuplicateTests gives the second and later rules of one test name a name of their own, as OPA's runner does, so
// that each is a test; here before the compiler, in the order of the files, so that interpreter and wasm agree on the
// names. The answer maps a new entrypoint to the name to show.
func renameDuplicateTests(modules map[string]*ast.Module) map[string]string {
	taken, renamed := map[string]bool{}, map[string]string{}
	for _, module := range modules {
		for _, rule := range module.Rules {
			taken[entrypointOf(ruleRef(module, rule))] = true
		}
	}
	seen := map[string]int{}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		module := modules[path]
		for _, rule := range module.Rules {
			ref := rule.Head.Ref()
			name, ok := ref[0].Value.(ast.Var)
			if !ok || !strings.HasPrefix(string(name), tester.TestPrefix) || len(ref.GroundPrefix()) != 1 {
				continue
			}
			key := entrypointOf(ruleRef(module, rule))
			seen[key]++
			if seen[key] == 1 {
				continue
			}
			number := seen[key]
			for taken[fmt.Sprintf("%s__%02d", key, number)] {
				number++
			}
			fresh := ref.Copy()
			fresh[0] = ast.VarTerm(fmt.Sprintf("%s__%02d", name, number)).SetLocation(ref[0].Location)
			rule.Head.SetRef(fresh)
			if rule.Head.Name != "" {
				rule.Head.Name = fresh[0].Value.(ast.Var)
			}
			entrypoint := fmt.Sprintf("%s__%02d", key, number)
			taken[entrypoint] = true
			renamed[entrypoint] = fmt.Sprintf("%s#%02d", name, seen[key]-1)
		}
	}
	return renamed
}

// ruleRef is the path in data that the rule contributes to, up to the first part that is only known at run time.
func ruleRef(module *ast.Module, rule *ast.Rule) ast.Ref {
	path := module.Package.Path.Copy()
	for i, term := range rule.Head.Ref() {
		switch v := term.Value.(type) {
		case ast.Var:
			if i > 0 {
				return path
			}
			path = path.Append(ast.StringTerm(string(v)))
		case ast.String, ast.Number, ast.Boolean, ast.Null:
			path = path.Append(term)
		default:
			return path
		}
	}
	return path
}

// coverageOf counts only the files that are not tests: what the tests run of themselves says nothing.
func coverageOf(covered *cover.Cover, modules map[string]*ast.Module) any {
	rules := maps.Clone(modules)
	maps.DeleteFunc(rules, func(path string, _ *ast.Module) bool { return isTest(path) })
	report := covered.Report(rules)
	maps.DeleteFunc(report.Files, func(path string, _ *cover.FileReport) bool { return isTest(path) })
	coveredLines, missedLines := 0, 0
	for _, file := range report.Files {
		coveredLines += file.CoveredLines
		missedLines += file.NotCoveredLines
	}
	percent := 100.0
	if total := coveredLines + missedLines; total > 0 {
		percent = 100 * float64(coveredLines) / float64(total)
	}
	return map[string]any{
		"percent": percent, "coveredLines": coveredLines, "notCoveredLines": missedLines, "files": report.Files,
	}
}
