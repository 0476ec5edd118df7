package main

import (
	"bytes"
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/compile"
)

// opBuild compiles to WebAssembly and writes the bundle that `opa build -t wasm` would write. Test files are left out
// unless asked for. Entrypoints are those named and those marked `# entrypoint: true`.
func opBuild(req *request) (any, error) {
	files := req.Files
	if !req.Tests {
		files = withoutTests(files)
	}
	caps := capabilities()
	modules, err := parse(files, caps)
	if err != nil {
		return nil, err
	}
	testNames := map[string]string{}
	if req.Tests {
		testNames = renameDuplicateTests(modules)
	}
	b := bundleOf(modules, files, req.Data)

	var out bytes.Buffer
	builder := compile.New().
		WithBundle(b).
		WithTarget(compile.TargetWasm).
		WithEntrypoints(slices.Clone(req.Entrypoints)...).
		WithRegoAnnotationEntrypoints(true).
		WithCapabilities(caps).
		WithRegoVersion(ast.RegoV1).
		WithRevision(req.Revision).
		WithOutput(&out)
	if len(req.Metadata) > 0 {
		builder = builder.WithMetadata(&req.Metadata)
	}
	if err := builder.Build(context.Background()); err != nil {
		return nil, &unsound{err, modules, req}
	}

	built := builder.Bundle()
	return map[string]any{
		"wasm":      built.WasmModules[0].Raw,
		"data":      built.Data,
		"manifest":  built.Manifest,
		"bundle":    out.Bytes(),
		"testNames": testNames,
	}, nil
}
