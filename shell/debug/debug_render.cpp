// Replies as text for a person.

#include "pxvm/text/utf8.hpp"
#include "shell/debug/debugger_impl.hpp"
#include "shell/terminal_output.hpp"

#include <array>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

/// Guests and files are the origin of most texts: nothing in them may act on the terminal.
std::string text_of(const Json& value) {
  return printable(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string number_text(const Json& value) {
  return value.is_number() ? fmt::format("{:.6g}", value.get<double>()) : text_of(value);
}

std::string shape_text(const Json& shape) {
  std::string out = "[";
  for (const Json& extent : shape) out += (out.size() > 1 ? ", " : "") + extent.dump();
  return out + "]";
}

std::string instruction_line(const Json& at) {
  std::string out = fmt::format("@{:<5} {:<22} {}", at["pc"].get<std::size_t>(),
                                text_of(at["where"]), text_of(at["text"]));
  if (at.contains("source")) out += fmt::format("\n{:>28} | {}", "", text_of(at["source"]));
  return out + "\n";
}

std::string summary_text(const Json& summary) {
  std::string out = fmt::format("{} elements, min {}, mean {}, max {}", summary["count"].dump(),
                                number_text(summary["min"]), number_text(summary["mean"]),
                                number_text(summary["max"]));
  if (summary.contains("first_bad"))
    out += fmt::format("; {} NaN, {} infinite, the first at {}", summary["nan"].dump(),
                       summary["inf"].dump(), shape_text(summary["first_bad"]));
  return out;
}

std::string place_text(const Json& at) {
  return fmt::format("step {}, call {} of {}\n{}", at["step"].dump(), at["call"].dump(),
                     text_of(at["entry"]), instruction_line(at));
}

std::string reason_text(const Json& reply) {
  const std::string reason = reply["reason"];
  if (reason == "end") return "the last call is over\n";
  if (reason == "start") return "nothing is before this\n";
  if (reason == "interrupted") return "interrupted\n";
  std::string out;
  if (reason == "stop") {
    for (const Json& hit : reply["hits"]) {
      const std::string why = text_of(hit["why"]);
      out += fmt::format("stop {}: {}{}{}\n", hit["id"].dump(), text_of(hit["stop"]),
                         why.empty() ? "" : ": ", why);
    }
  }
  return out;
}

std::string moved_text(const Json& reply) {
  std::string out;
  if (reply.contains("console")) out += text_of(reply["console"]);
  if (!out.empty() && out.back() != '\n') out += '\n';
  out += reason_text(reply);
  if (reply.contains("did")) {
    out += "did  " + instruction_line(reply["did"]);
    if (reply["did"].contains("wrote")) {
      for (const Json& wrote : reply["did"]["wrote"])
        out += fmt::format("     {} {}: {}\n", text_of(wrote["name"]), shape_text(wrote["shape"]),
                           summary_text(wrote["summary"]));
    }
  }
  if (reply.contains("fault")) out += "fault: " + text_of(reply["fault"]) + "\n";
  return out + place_text(reply["at"]);
}

std::string where_text(const Json& reply) {
  std::string out = place_text(reply["at"]);
  if (reply.contains("fault")) out += "fault: " + text_of(reply["fault"]) + "\n";
  return out;
}

std::string value_text(const Json& value) {
  const std::string name = text_of(value["name"]);
  if (value.contains("value")) return fmt::format("{} = {}\n", name, number_text(value["value"]));
  if (value.contains("i64"))
    return fmt::format("{:<12} {:<5} {:>20}  f32 {:<13} f64 {:<13} {}\n", name,
                       text_of(value["register"]), value["i64"].dump(), number_text(value["f32"]),
                       number_text(value["f64"]), text_of(value["hex"]));
  std::string out = fmt::format("{} {}{}: {}\n", name, text_of(value["type"]),
                                shape_text(value["shape"]), summary_text(value["summary"]));
  auto row = value["first_row"].get<std::int64_t>();
  for (const Json& numbers : value["values"]) {
    out += fmt::format("{:>6}:", row++);
    for (const Json& number : numbers) out += fmt::format(" {:>12}", number_text(number));
    out += "\n";
  }
  return out;
}

std::string stop_text(const Json& stop) {
  std::string out = fmt::format("{:>3}  {}\n", stop["id"].dump(), text_of(stop["stop"]));
  if (!stop.contains("places")) return out;
  for (const Json& place : stop["places"]) out += "     " + instruction_line(place);
  return out;
}

std::string list_text(const Json& reply) {
  std::string out = text_of(reply["file"]) + "\n";
  for (const Json& line : reply["lines"])
    out += fmt::format("{} {:>5} | {}\n", line["here"].get<bool>() ? ">" : " ", line["line"].dump(),
                       text_of(line["text"]));
  return out;
}

std::string profile_text(const Json& reply) {
  std::string out = fmt::format("{:<40} {:>8} {:>10} {:>7} {:>8} {:>8}\n", "operation", "calls",
                                "ms", "share %", "GB/s", "GOPS");
  for (const Json& row : reply["operations"])
    out += fmt::format("{:<40} {:>8} {:>10.3f} {:>7.1f} {:>8.2f} {:>8.2f}\n",
                       text_of(row["operation"]), row["calls"].dump(), row["ms"].get<double>(),
                       row["share"].get<double>() * 100, row["GBps"].get<double>(),
                       row["GOPS"].get<double>());
  out += fmt::format("\n{:<40} {:>8}\n", "instruction", "calls");
  for (const Json& row : reply["opcodes"])
    out += fmt::format("{:<40} {:>8}\n", text_of(row["opcode"]), row["calls"].dump());
  return out;
}

std::string help_text(const Json& reply) {
  std::string out;
  for (const Json& row : reply["commands"]) {
    const std::string alias = text_of(row["alias"]);
    const std::string head =
        fmt::format("{}{}{} {}", text_of(row["name"]), alias.empty() ? "" : ", ", alias,
                    text_of(row["arguments"]));
    out += fmt::format("{:<34} {}\n", head, text_of(row["help"]));
  }
  return out + "An empty line repeats the last motion; a command may be cut short.\n";
}

std::string instructions_text(const Json& reply) {
  std::string out;
  for (const Json& line : reply["instructions"])
    out += (line["here"].get<bool>() ? "> " : "  ") + instruction_line(line);
  return out;
}

/// Every element of the array `name`, rendered one after the other.
template <std::string (*kRender)(const Json&)>
std::string each(const Json& list, std::string_view none) {
  std::string out;
  for (const Json& item : list) out += kRender(item);
  return out.empty() ? std::string(none) : out;
}

std::string tensor_line(const Json& tensor) {
  return fmt::format("{:<5} {:<16} {}{}\n", text_of(tensor["register"]), text_of(tensor["name"]),
                     text_of(tensor["type"]), shape_text(tensor["shape"]));
}

}  // namespace

std::string render_reply(const Json& reply) {
  const std::string kind = reply["kind"];
  if (kind == "moved") return moved_text(reply);
  if (kind == "where") return where_text(reply);
  if (kind == "values") return each<value_text>(reply["values"], "");
  if (kind == "registers") return each<value_text>(reply["registers"], "all registers are 0\n");
  if (kind == "tensors") return each<tensor_line>(reply["tensors"], "no tensor register is set\n");
  if (kind == "stop_set") return stop_text(reply["set"]);
  if (kind == "stops") return each<stop_text>(reply["stops"], "there are no stops\n");
  if (kind == "list") return list_text(reply);
  if (kind == "instructions") return instructions_text(reply);
  if (kind == "stack") return each<instruction_line>(reply["frames"], "");
  if (kind == "profile") return profile_text(reply);
  if (kind == "help") return help_text(reply);
  if (kind == "heat")
    return fmt::format("{}: {} x {} pixels\n", text_of(reply["file"]), reply["width"].dump(),
                       reply["height"].dump());
  if (kind == "saved")
    return fmt::format("{}: {} bytes\n", text_of(reply["file"]), reply["bytes"].dump());
  return text_of(reply["note"]) + "\n";
}

}  // namespace pxos::shell
