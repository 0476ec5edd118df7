package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"
	"github.com/open-policy-agent/opa/v1/util"
)

// opEval evaluates a query, or an entrypoint, in OPA's own interpreter. `results` has one element a solution; `value` is
// that of the first expression of the first solution.
func opEval(req *request) (any, error) {
	caps := capabilities(ast.InternalPrint.Name)
	modules, err := parse(req.Files, caps)
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithCapabilities(caps).WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflicts(req.Data))
	if compiler.Compile(modules); compiler.Failed() {
		return nil, &unsound{compiler.Errors, modules, req}
	}
	query := req.Query
	if query == "" {
		if len(req.Entrypoints) != 1 {
			return nil, fmt.Errorf("eval takes a query or one entrypoint")
		}
		if query, err = entrypointQuery(req.Entrypoints[0]); err != nil {
			return nil, err
		}
	}
	var printed bytes.Buffer
	tracer := topdown.NewBufferTracer()
	options := []func(*rego.Rego){
		rego.Query(query),
		rego.Compiler(compiler),
		rego.Capabilities(caps),
		rego.Store(inmem.NewFromObjectWithOpts(orEmpty(req.Data), inmem.OptRoundTripOnWrite(false))),
		rego.EnablePrintStatements(true),
		rego.PrintHook(topdown.NewPrintHook(&printed)),
	}
	ctx := context.Background()
	prepared, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return nil, &unsound{err, modules, req}
	}
	// An explanation is of every rule that was tried: OPA's index would leave out just those whose conditions fail.
	evalOptions := []rego.EvalOption{rego.EvalRuleIndexing(req.Explain == "")}
	if req.Explain != "" {
		evalOptions = append(evalOptions, rego.EvalQueryTracer(tracer))
	}
	if len(req.Input) > 0 {
		var input any
		if err := util.UnmarshalJSON(req.Input, &input); err != nil {
			return nil, err
		}
		evalOptions = append(evalOptions, rego.EvalInput(input))
	}
	results, err := prepared.Eval(ctx, evalOptions...)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"defined": len(results) > 0, "results": orNone(results), "printed": printed.String()}
	if len(results) > 0 && len(results[0].Expressions) > 0 {
		out["value"] = results[0].Expressions[0].Value
	}
	if req.Explain != "" {
		out["explanation"] = explain(*tracer, req.Explain)
	}
	return out, nil
}

// explain renders a trace as `opa eval --explain` does: notes, fails, full or debug.
func explain(trace []*topdown.Event, mode string) string {
	switch mode {
	case "notes":
		trace = lineage.Notes(trace)
	case "fails":
		trace = lineage.Fails(trace)
	case "full":
		trace = lineage.Full(trace)
	default:
		trace = lineage.Debug(trace)
	}
	var buffer bytes.Buffer
	topdown.PrettyTraceWithLocation(&buffer, trace)
	return buffer.String()
}

func orEmpty(data map[string]any) map[string]any {
	if data == nil {
		return map[string]any{}
	}
	return data
}

func orNone(results rego.ResultSet) rego.ResultSet {
	if results == nil {
		return rego.ResultSet{}
	}
	return results
}
