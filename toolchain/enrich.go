package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unsound is a policy that OPA refused, with what is needed to say more than OPA does.
type unsound struct {
	cause   error
	modules map[string]*ast.Module
	req     *request
}

func (e *unsound) Error() string { return e.cause.Error() }
func (e *unsound) Unwrap() error { return e.cause }

// enrich adds to OPA's faults what an author wants to know: the exact place of the wrong word, names that it may have
// been meant for, the other places involved, and which fault only follows from another.
func enrich(list []fault, err error) {
	var u *unsound
	if !errors.As(err, &u) {
		return
	}
	for i := range list {
		f := &list[i]
		detail, ok := f.Detail.(map[string]any)
		if !ok {
			detail = map[string]any{}
		}
		switch {
		case f.Code == ast.UnsafeVarErr:
			u.unsafe(f, detail, list)
		case strings.HasPrefix(f.Message, "undefined function "):
			u.function(f, detail)
		case strings.HasPrefix(f.Message, "undefined ref: "):
			u.reference(f, detail)
		case strings.HasPrefix(f.Message, "conflicting rules "):
			u.places(detail, strings.TrimSuffix(strings.TrimPrefix(f.Message, "conflicting rules "), " found"))
		case strings.HasPrefix(f.Message, "multiple default rules "):
			path, _, _ := strings.Cut(strings.TrimPrefix(f.Message, "multiple default rules "), " ")
			u.places(detail, path)
		case strings.HasPrefix(f.Message, "with keyword target must"):
			u.withTarget(f, detail)
		case strings.HasPrefix(f.Message, "assigned var "), strings.HasPrefix(f.Message, "declared var "),
			strings.HasPrefix(f.Message, "unused argument "), strings.HasPrefix(f.Message, "var "):
			words := strings.Fields(strings.TrimPrefix(f.Message, "unused argument "))
			name := strings.TrimSuffix(words[len(words)-2], ".")
			if strings.HasPrefix(f.Message, "unused argument ") {
				name = strings.TrimSuffix(words[0], ".")
			} else if strings.HasPrefix(f.Message, "var ") {
				name = words[1]
			}
			u.point(f, name)
		}
		if len(detail) > 0 {
			f.Detail = detail
		}
	}
}

// rulesAt are the rules of the file that span the row; a chain of else is one with its rule.
func (u *unsound) rulesAt(f *fault) []*ast.Rule {
	var found []*ast.Rule
	module := u.modules[f.File]
	if module == nil {
		return nil
	}
	for _, rule := range module.Rules {
		end, _ := rule.Location.End()
		for other := rule.Else; other != nil; other = other.Else {
			if last, _ := other.Location.End(); last > end {
				end = last
			}
		}
		if rule.Location.Row <= f.Row && f.Row <= end {
			found = append(found, rule)
		}
	}
	return found
}

// point moves the fault to the first place at or after it where the variable is written.
func (u *unsound) point(f *fault, name string) {
	var best *ast.Location
	for _, rule := range u.rulesAt(f) {
		ast.WalkTerms(rule, func(term *ast.Term) bool {
			v, ok := term.Value.(ast.Var)
			loc := term.Location
			if ok && string(v) == name && loc != nil && string(loc.Text) == name &&
				(loc.Row > f.Row || loc.Row == f.Row && loc.Col >= f.Col) && (best == nil || loc.Compare(best) < 0) {
				best = loc
			}
			return false
		})
	}
	if best != nil {
		locate(f, best)
	}
}

func (u *unsound) unsafe(f *fault, detail map[string]any, list []fault) {
	words := strings.Fields(f.Message)
	if len(words) < 2 || words[0] != "var" {
		return
	}
	name := words[1]
	detail["name"] = name
	unsafe := map[string]bool{}
	for _, other := range list {
		if parts := strings.Fields(other.Message); other.Code == f.Code && other.File == f.File && len(parts) > 1 {
			unsafe[parts[1]] = true
		}
	}
	if cause := u.follows(f, name, unsafe); cause != "" {
		detail["follows"] = cause
	}
	u.point(f, name)

	candidates, packages := map[string]bool{"input": true, "data": true}, []string{}
	for path, module := range u.modules {
		full := module.Package.Path
		if last, ok := full[len(full)-1].Value.(ast.String); ok && string(last) == name {
			packages = append(packages, full.String())
		}
		if u.modules[f.File] == nil || !full.Equal(u.modules[f.File].Package.Path) {
			continue
		}
		for _, rule := range module.Rules {
			candidates[string(rule.Head.Ref()[0].Value.(ast.Var))] = true
		}
		if path == f.File {
			for _, imp := range module.Imports {
				candidates[string(imp.Name())] = true
			}
		}
	}
	for _, rule := range u.rulesAt(f) {
		ast.WalkVars(rule, func(v ast.Var) bool {
			if !v.IsWildcard() && !v.IsGenerated() && !unsafe[string(v)] {
				candidates[string(v)] = true
			}
			return false
		})
	}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		delete(candidates, builtin.Name)
	}
	put(detail, "near", nearest(name, slices.Sorted(maps.Keys(candidates))))
	slices.Sort(packages)
	put(detail, "packages", slices.Compact(packages))
}

// follows names the variable that is to blame for another one being unsafe: `some x in xs` cannot give x a value while
// xs has none, nor can `xs[i]` give i one.
func (u *unsound) follows(f *fault, name string, unsafe map[string]bool) string {
	cause := ""
	blame := func(heads []*ast.Term, of ...*ast.Term) {
		named := false
		for _, term := range of {
			ast.WalkVars(term, func(v ast.Var) bool {
				named = named || string(v) == name
				return false
			})
		}
		for _, head := range heads {
			ast.WalkVars(head, func(v ast.Var) bool {
				if named && cause == "" && string(v) != name && unsafe[string(v)] {
					cause = string(v)
				}
				return false
			})
		}
	}
	for _, rule := range u.rulesAt(f) {
		ast.WalkExprs(rule, func(expr *ast.Expr) bool {
			if decl, ok := expr.Terms.(*ast.SomeDecl); ok && len(decl.Symbols) == 1 {
				if call, ok := decl.Symbols[0].Value.(ast.Call); ok {
					blame([]*ast.Term{call[len(call)-1]}, call[1:len(call)-1]...)
				}
			}
			return false
		})
		ast.WalkRefs(rule, func(ref ast.Ref) bool {
			blame([]*ast.Term{ref[0]}, ref[1:]...)
			return false
		})
	}
	return cause
}

// function says whether OPA has the built-in that our capabilities leave out, and what else the name may have meant.
func (u *unsound) function(f *fault, detail map[string]any) {
	name := strings.TrimPrefix(f.Message, "undefined function ")
	detail["name"] = name
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		if builtin.Name == name {
			detail["leftOut"] = true
			return
		}
	}
	var candidates []string
	for _, builtin := range capabilities().Builtins {
		if builtin.Infix == "" && !strings.HasPrefix(builtin.Name, "internal.") {
			candidates = append(candidates, builtin.Name)
		}
	}
	for _, module := range u.modules {
		same := u.modules[f.File] != nil && module.Package.Path.Equal(u.modules[f.File].Package.Path)
		for _, rule := range module.Rules {
			if len(rule.Head.Args) == 0 {
				continue
			}
			candidates = append(candidates, ruleRef(module, rule).String())
			if same {
				candidates = append(candidates, rule.Head.Ref().String())
			}
		}
	}
	slices.Sort(candidates)
	put(detail, "near", nearest(name, slices.Compact(candidates)))
}

// reference points at the wrong part of a reference and finds names near to it, or the places in the schema where that
// very name does stand.
func (u *unsound) reference(f *fault, detail map[string]any) {
	parts, _ := detail["ref"].([]any)
	pos, _ := detail["pos"].(int)
	if pos >= len(parts) {
		return
	}
	if detail["want"] == nil && pos+1 < len(parts) {
		pos++ // The part before it has no parts at all: it is this one that is too many.
	}
	wrong, _ := parts[pos].(string)
	detail["wrong"] = wrong
	var choices []string
	for _, choice := range anyList(detail["oneOf"]) {
		if text, ok := choice.(string); ok {
			choices = append(choices, text)
		}
	}
	put(detail, "near", nearest(wrong, choices))
	if parts[0] == "input" {
		found := map[string]bool{}
		schemaPaths(u.req.Schemas["input"], "input", wrong, found, 0)
		put(detail, "elsewhere", slices.Sorted(maps.Keys(found)))
	}
	if module := u.modules[f.File]; module != nil {
		moved := false
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			head := ref[0].Location
			if moved || head == nil || head.Row != f.Row || head.Col != f.Col {
				return false
			}
			for _, part := range slices.Backward(ref[1:]) {
				if plain(part.Value) == wrong && part.Location != nil && part.Location.Row > 0 {
					locate(f, part.Location)
					moved = true
					return true
				}
			}
			return false
		})
	}
}

func anyList(value any) []any {
	list, _ := value.([]any)
	return list
}

// places are all the rules of one path, so that both sides of a conflict are shown.
func (u *unsound) places(detail map[string]any, path string) {
	type place struct {
		File    string `json:"file"`
		Row     int    `json:"row"`
		Col     int    `json:"col"`
		Kind    string `json:"kind"`
		Args    int    `json:"args"`
		Default bool   `json:"default"`
	}
	var found []place
	for _, file := range slices.Sorted(maps.Keys(u.modules)) {
		module := u.modules[file]
		for _, rule := range module.Rules {
			if ruleRef(module, rule).String() == path {
				found = append(found, place{
					file, rule.Location.Row, rule.Location.Col, kindOf(rule), len(rule.Head.Args), rule.Default,
				})
			}
		}
	}
	put(detail, "places", found)
}

// withTarget finds what the author tried to replace.
func (u *unsound) withTarget(f *fault, detail map[string]any) {
	for _, rule := range u.rulesAt(f) {
		ast.WalkWiths(rule, func(w *ast.With) bool {
			if loc := w.Target.Location; loc != nil && loc.Row == f.Row && loc.Col == f.Col {
				detail["name"] = w.Target.String()
			}
			return false
		})
	}
	name, ok := detail["name"].(string)
	if !ok {
		return
	}
	var candidates []string
	for _, builtin := range capabilities().Builtins {
		candidates = append(candidates, builtin.Name)
	}
	if !strings.Contains(name, ".") {
		candidates = append(candidates, "input", "data")
	} else {
		candidates = append(candidates, "input."+name, "data."+name)
	}
	put(detail, "near", nearest(name, candidates))
}

func put[T any](detail map[string]any, key string, list []T) {
	if len(list) > 0 {
		detail[key] = list
	}
}
