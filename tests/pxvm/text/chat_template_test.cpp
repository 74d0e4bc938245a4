#include "pxvm/text/chat_template.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace {

using pxos::Errc;
using pxos::text::ChatInput;
using pxos::text::ChatTemplate;

std::string render(std::string_view source, const ChatInput& input = {}) {
  const auto parsed = ChatTemplate::parse(source);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  const auto text = parsed->render(input);
  INFO((text ? "" : text.error().message));
  REQUIRE(text);
  return *text;
}

pxos::Error error_of(std::string_view source, const ChatInput& input = {}) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return parsed.error();
  const auto text = parsed->render(input);
  REQUIRE_FALSE(text);
  return text.error();
}

ChatInput conversation() {
  return {.messages = {{"system", "Be brief."},
                       {"user", " Hi "},
                       {"assistant", "Hello."},
                       {"user", "Why?"}},
          .add_generation_prompt = true,
          .bos_token = "<s>",
          .eos_token = "</s>"};
}

ChatInput without_system() {
  ChatInput input = conversation();
  input.messages.erase(input.messages.begin());
  return input;
}

constexpr std::string_view kSmolLm =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}";

}  // namespace

TEST_CASE("ChatTemplate renders ChatML with a default system message", "[text]") {
  CHECK(render(kSmolLm, {.messages = {{"user", "x"}}, .bos_token = "", .eos_token = ""}) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n");
  CHECK(render(kSmolLm, conversation()) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\n");
}

TEST_CASE("ChatTemplate renders the recorded chat prompts", "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(path, "models/smollm2-135m/chat-greedy.json");
  const auto file = pxos::read_file(path);
  REQUIRE(file);
  const auto cases = nlohmann::json::parse(file->begin(), file->end());
  REQUIRE(cases.size() >= 5);
  for (const auto& one : cases) {
    const ChatInput input{.messages = {{"user", one["prompt"].get<std::string>()}},
                          .bos_token = "<|im_start|>",
                          .eos_token = "<|im_end|>"};
    CHECK(render(kSmolLm, input) == one["rendered"].get<std::string>());
  }
}

TEST_CASE("ChatTemplate renders a Llama 2 style template", "[text]") {
  constexpr std::string_view kSource =
      "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
      "{% set system_message = messages[0]['content'] %}{% else %}"
      "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
      "{% for message in loop_messages %}"
      "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}"
      "{% if loop.index0 == 0 and system_message != false %}"
      "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
      "{% else %}{% set content = message['content'] %}{% endif %}"
      "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
      "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}"
      "{% endif %}{% endfor %}";
  CHECK(render(kSource, conversation()) ==
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n Hi [/INST] Hello. </s><s>[INST] Why? [/INST]");
  const auto error = error_of(kSource, {.messages = {{"assistant", "x"}}});
  CHECK(error.code == Errc::kInvalid);
  CHECK_THAT(error.message, Catch::Contains("roles must alternate") && Catch::Contains("1:"));
}

TEST_CASE("ChatTemplate renders a Llama 3 style template", "[text]") {
  constexpr std::string_view kSource =
      "{% set loop_messages = messages %}{% for message in loop_messages %}"
      "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ "
      "message['content'] | trim + '<|eot_id|>' %}"
      "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
      "{{ content }}{% endfor %}{% if add_generation_prompt %}"
      "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
  CHECK(render(kSource, {.messages = {{"user", " Hi "}}, .bos_token = "<B>", .eos_token = ""}) ==
        "<B><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST_CASE("ChatTemplate renders a template of the Llama 3.1 kind", "[text]") {
  constexpr std::string_view kSource = R"({{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {{- raise_exception("no tools here") }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
)";
  CHECK(render(kSource, {.messages = {{"system", "S "}, {"user", "U"}}, .bos_token = "<B>"}) ==
        "<B><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST_CASE("ChatTemplate renders a Zephyr style template with trim_blocks", "[text]") {
  constexpr std::string_view kSource =
      "{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
      "{{ '<|user|>\n' + message['content'] + eos_token }}\n"
      "{% elif message['role'] == 'system' %}\n"
      "{{ '<|system|>\n' + message['content'] + eos_token }}\n"
      "{% elif message['role'] == 'assistant' %}\n"
      "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
      "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
      "{% endfor %}";
  CHECK(render(kSource, conversation()) ==
        "<|system|>\nBe brief.</s>\n<|user|>\n Hi </s>\n<|assistant|>\nHello.</s>\n"
        "<|user|>\nWhy?</s>\n<|assistant|>\n");
}

TEST_CASE("ChatTemplate renders a Mistral style template", "[text]") {
  constexpr std::string_view kSource = R"({%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
({{- user_messages | length }} from {{ user_messages | map(attribute='role') | join('+') }})
)";
  CHECK(render(kSource, conversation()) ==
        "<s>[INST]  Hi [/INST] Hello.</s>[INST] Be brief.\n\nWhy?[/INST](2 from user+user)");
}

TEST_CASE("ChatTemplate renders a Gemma style template", "[text]") {
  constexpr std::string_view kSource =
      "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
      "{{ raise_exception('System role not supported') }}{% endif %}"
      "{% for message in messages %}"
      "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}"
      "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
      "{% else %}{% set role = message['role'] %}{% endif %}"
      "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
      "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}";
  CHECK(render(kSource, without_system()) ==
        "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n");
  CHECK_THAT(error_of(kSource, conversation()).message,
             Catch::Contains("System role not supported"));
}

TEST_CASE("ChatTemplate renders a Qwen style template without tools", "[text]") {
  constexpr std::string_view kSource = R"({%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- for tool in tools %}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- for tool_call in message.tool_calls %}
            {{- tool_call.arguments | tojson }}
        {%- endfor %}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)";
  CHECK(render(kSource, without_system()) ==
        "<|im_start|>system\nYou are Qwen.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\n");
}

TEST_CASE("ChatTemplate names line and column of an error", "[text]") {
  CHECK(error_of("ab\n{{ 1 + }}").message ==
        "chat template: 2:8: expected an expression, found '}}'");
  CHECK(error_of("{{ messages[0].content }}").message ==
        "chat template: 1:15: undefined has no items");
  CHECK(error_of("x{% if true %}").code == Errc::kInvalid);
  CHECK(error_of("{% include \"f\" %}").code == Errc::kUnsupported);
  CHECK(error_of("{{ 'x' | frobnicate }}").code == Errc::kUnsupported);
}

TEST_CASE("ChatTemplate bounds time, memory and stack", "[text]") {
  const std::string twice =
      "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}"
      "{% for i in range(100000) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
  CHECK(error_of(twice).code == Errc::kLimit);
  CHECK(error_of("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
            .code == Errc::kLimit);
  CHECK(error_of("{% set ns = namespace(x=[]) %}{% for i in range(1000) %}"
                 "{% set ns.x = [ns.x] %}{% endfor %}")
            .code == Errc::kLimit);
  CHECK(error_of("{% set ns = namespace() %}{% set ns.self = ns %}").code == Errc::kInvalid);
  CHECK(error_of("{{ " + std::string(100000, '(') + "1 }}").code == Errc::kLimit);
  CHECK(error_of("{{ " + std::string(100000, '-') + "1 }}").code == Errc::kLimit);
  std::string sum = "{{ 1";
  for (int i = 0; i < 100000; ++i) sum += "+1";
  CHECK(error_of(sum + " }}").code == Errc::kLimit);
  std::string ifs;
  for (int i = 0; i < 10000; ++i) ifs += "{% if 1 %}";
  CHECK(error_of(ifs).code == Errc::kLimit);
  CHECK(error_of(std::string(2000000, 'x')).code == Errc::kLimit);
}

TEST_CASE("ChatTemplate survives every prefix of a template", "[text]") {
  for (std::size_t length = 0; length < kSmolLm.size(); ++length) {
    const std::string prefix(kSmolLm.substr(0, length));
    const auto parsed = ChatTemplate::parse(prefix);
    if (parsed) CHECK(parsed->render(conversation()).has_value());
  }
}

TEST_CASE("ChatTemplate tells the date it was given, and only then", "[text]") {
  const auto chat =
      ChatTemplate::parse("{{ strftime_now('%d %b %Y') if strftime_now is defined }}");
  REQUIRE(chat);
  CHECK(chat->render({}).value().empty());
  pxos::text::ChatInput input;
  input.now.emplace();
  input.now->tm_mday = 21;
  input.now->tm_mon = 10;
  input.now->tm_year = 126;
  CHECK(chat->render(input).value() == "21 Nov 2026");
  const auto wrong = ChatTemplate::parse("{{ strftime_now() }}");
  CHECK_FALSE(wrong->render(input));
}
