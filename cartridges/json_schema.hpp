#pragma once
// JSON schemas as grammars (GBNF), so that a model's answer is a document of that schema. Pure
// function.
//
// Understood: type (also a list), enum, const, properties, required, additionalProperties, items,
// prefixItems, minItems, maxItems, anyOf, oneOf, $ref into this document ("#/..."), minLength,
// maxLength, pattern (anchored, with classes, groups and repetition), format (date, time,
// date-time, uuid), minimum, maximum and their exclusive forms for integers. Annotations (title,
// description, default, examples, ...) change nothing. Every other keyword is an error that names
// it. Properties come in the schema's order. An object with `properties` takes no others unless
// additionalProperties says so; oneOf is read as anyOf.

#include "pxvm/base/bytes.hpp"

#include <string>

namespace pxos::cartridges {

/// Errors: kInvalid and kUnsupported with the path of what is wrong ("schema.properties.a.type");
/// kLimit for schemas that are too large or refer too deeply.
Result<std::string> json_schema_grammar(Bytes schema);

}  // namespace pxos::cartridges
