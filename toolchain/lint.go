package main

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Faults that OPA passes over, or finds only when a decision is already being made, where each of them is a denial of
// everything, a rule that silently never holds, or a title that is lost: here they are errors of the check.
const (
	regexErr      = "customhouse_regex_error"
	unresolvedErr = "customhouse_unresolved_ref"
	constantsErr  = "customhouse_conflict_error"
	metadataErr   = "customhouse_metadata_error"
)

// patternAt is the place of the pattern among the operands of each built-in that takes a regular expression.
var patternAt = map[string]int{
	"regex.find_all_string_submatch_n": 0,
	"regex.find_n":                     0,
	"regex.match":                      0,
	"regex.replace":                    1,
}

func lint(compiler *ast.Compiler, modules map[string]*ast.Module, data map[string]any) ast.Errors {
	var found ast.Errors
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		found = append(found, badPatterns(modules[path])...)
		found = append(found, unknownMetadata(modules[path])...)
		found = append(found, unresolved(compiler, compiler.Modules[path], modules, data)...)
	}
	return append(found, conflictingConstants(modules)...)
}

func badPatterns(module *ast.Module) ast.Errors {
	var found ast.Errors
	look := func(terms []*ast.Term) {
		at, ok := patternAt[terms[0].String()]
		if !ok || len(terms) <= at+1 {
			return
		}
		pattern, ok := terms[at+1].Value.(ast.String)
		if !ok {
			return
		}
		if _, err := syntax.Parse(string(pattern), syntax.Perl); err != nil {
			found = append(found, ast.NewError(regexErr, terms[at+1].Location, "%s", err.Error()))
		}
	}
	ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Expr:
			if node.IsCall() {
				look(node.Terms.([]*ast.Term))
			}
		case ast.Call:
			look(node)
		}
		return false
	}).Walk(module)
	return found
}

// unresolved finds references below a package that lead to no rule, no package and no document: a typing error in
// `data.controls.residency.satisfied` is an undefined value to OPA, and nothing more. References to data that no package
// speaks of are left alone, unless a name near to theirs is known, since such data may come from elsewhere; so are
// targets of `with`.
func unresolved(compiler *ast.Compiler, module *ast.Module, modules map[string]*ast.Module, data map[string]any) ast.Errors {
	var found ast.Errors
	conflict := conflicts(data)
	visitor := ast.NewGenericVisitor(func(node any) bool { return false })
	look := func(ref ast.Ref) {
		if len(ref) < 2 || !ref[0].Equal(ast.DefaultRootDocument) {
			return
		}
		prefix := ref.ConstantPrefix()
		tree, packages := compiler.RuleTree, compiler.ModuleTree.Children[ast.Var("data")]
		path := []string{}
		for i, term := range prefix[1:] {
			key, ok := term.Value.(ast.String)
			if !ok {
				return
			}
			path = append(path, string(key))
			if packages != nil {
				packages = packages.Children[key]
			}
			if node := tree.Child(ast.DefaultRootDocument.Value); i == 0 && node != nil {
				tree = node
			}
			next := tree.Child(key)
			if next != nil && len(next.Values) > 0 {
				return
			}
			if next != nil {
				tree = next
				continue
			}
			if taken, _ := conflict(path); taken || packages != nil {
				return
			}
			candidates := childrenOf(tree)
			if i == 0 {
				candidates = append(candidates, slices.Collect(maps.Keys(data))...)
			}
			near := nearest(string(key), candidates)
			if i == 0 && len(near) == 0 {
				return
			}
			e := ast.NewError(unresolvedErr, term.Location, "%s", prefix[:i+2].String())
			if term.Location == nil || term.Location.Row == 0 {
				e.Location = ref[0].Location
			}
			e.Details = &unresolvedDetail{wrong: string(key), parent: prefix[:i+1].String(), near: near}
			found = append(found, e)
			return
		}
	}
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.With:
			visitor.Walk(node.Value)
			return true
		case ast.Ref:
			look(node)
		}
		return false
	})
	for _, rule := range module.Rules {
		visitor.Walk(rule)
	}
	return found
}

type unresolvedDetail struct {
	wrong, parent string
	near          []string
}

func (d *unresolvedDetail) Lines() []string { return []string{d.parent + " has no " + d.wrong} }

func childrenOf(tree *ast.TreeNode) []string {
	var names []string
	for key := range tree.Children {
		if name, ok := key.(ast.String); ok {
			names = append(names, string(name))
		}
	}
	return names
}

// conflictingConstants finds a rule that has two different constant values without a condition: it would have both at
// once, which ends every evaluation that reads it with an error.
func conflictingConstants(modules map[string]*ast.Module) ast.Errors {
	type first struct {
		value *ast.Term
		loc   *ast.Location
	}
	seen, found := map[string]first{}, ast.Errors{}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		for _, rule := range modules[path].Rules {
			if rule.Default || kindOf(rule) != "complete" || rule.Else != nil || !rule.Head.Ref().IsGround() ||
				rule.Head.Value == nil || !ast.IsConstant(rule.Head.Value.Value) || !unconditional(rule) {
				continue
			}
			key := ruleRef(modules[path], rule).String()
			earlier, ok := seen[key]
			if !ok {
				seen[key] = first{rule.Head.Value, rule.Location}
				continue
			}
			if !earlier.value.Equal(rule.Head.Value) {
				found = append(found, ast.NewError(constantsErr, rule.Location, "%s is %v at %s:%d and %v here",
					key, earlier.value, earlier.loc.File, earlier.loc.Row, rule.Head.Value))
			}
		}
	}
	return found
}

func unconditional(rule *ast.Rule) bool {
	return len(rule.Body) == 1 && strings.TrimSpace(fmt.Sprint(rule.Body[0])) == "true"
}

// metadataKeys are those of OPA's annotations; it passes over any other one without a word.
var metadataKeys = []string{
	"authors", "compile", "custom", "description", "entrypoint", "labels", "organizations", "related_resources",
	"schemas", "scope", "title",
}

var metadataKey = regexp.MustCompile(`^(\s*)([A-Za-z_][\w-]*)\s*:`)

// unknownMetadata reads the keys at the outermost level of each METADATA block.
func unknownMetadata(module *ast.Module) ast.Errors {
	var found ast.Errors
	inside, indent := false, -1
	for i, comment := range module.Comments {
		row, col := comment.Location.Row, comment.Location.Col
		if ast.IsMetadataComment(comment) {
			inside, indent = true, -1
			continue
		}
		if !inside || col != 1 || row != module.Comments[i-1].Location.Row+1 {
			inside = false
			continue
		}
		match := metadataKey.FindStringSubmatch(string(comment.Text))
		if match == nil {
			continue
		}
		if indent < 0 {
			indent = len(match[1])
		}
		if name := match[2]; len(match[1]) == indent && !slices.Contains(metadataKeys, name) {
			loc := ast.NewLocation([]byte(name), comment.Location.File, row, col+1+indent)
			e := ast.NewError(metadataErr, loc, "unknown METADATA key %s", name)
			e.Details = &unresolvedDetail{wrong: name, near: nearest(name, metadataKeys)}
			found = append(found, e)
		}
	}
	return found
}
