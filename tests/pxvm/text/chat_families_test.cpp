// Templates with the structure of more model families: what each does that the others do not.

#include "pxvm/text/chat_template.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

std::string render(std::string_view source, const ChatInput& input) {
  const auto parsed = ChatTemplate::parse(source);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  const auto text = parsed->render(input);
  INFO((text ? "" : text.error().message));
  REQUIRE(text);
  return *text;
}

ChatInput talk() {
  return {.messages = {{"system", "Be brief."},
                       {"user", "Hi"},
                       {"assistant", "<think>well</think>Hello."},
                       {"user", "Why?"}},
          .add_generation_prompt = true,
          .bos_token = "<s>",
          .eos_token = "</s>"};
}

}  // namespace

TEST_CASE("a template of the Phi-3 kind: one role after the other, each with an end", "[text]") {
  constexpr std::string_view kSource =
      "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
      "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}"
      "{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}"
      "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}";
  ChatInput input = talk();
  CHECK(render(kSource, input) ==
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n<think>well</think>"
        "Hello.<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n");
  input.messages = {{"user", "Hi"}};
  input.add_generation_prompt = false;
  CHECK(render(kSource, input) == "<|user|>\nHi<|end|>\n</s>");
}

TEST_CASE("a template of the DeepSeek LLM kind: words for roles, defined or not", "[text]") {
  constexpr std::string_view kSource =
      "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
      "{% endif %}{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
      "{{ 'User: ' + message['content'] + '\n\n' }}{% elif message['role'] == 'assistant' %}"
      "{{ 'Assistant: ' + message['content'] + eos_token }}{% elif message['role'] == 'system' %}"
      "{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}"
      "{{ 'Assistant:' }}{% endif %}";
  CHECK(render(kSource, talk()) ==
        "<s>Be brief.\n\nUser: Hi\n\nAssistant: <think>well</think>Hello.</s>User: Why?\n\n"
        "Assistant:");
}

TEST_CASE("a template of the DeepSeek R1 kind: thoughts are cut off, a namespace collects",
          "[text]") {
  constexpr std::string_view kSource = R"({% if not add_generation_prompt is defined %}
{% set add_generation_prompt = false %}{% endif %}
{% set ns = namespace(is_first=false, is_tool=false, system_prompt='') %}
{%- for message in messages %}{%- if message['role'] == 'system' %}
{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}
{{- bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}
{{- '<|User|>' + message['content'] }}{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is not none %}
{%- set content = message['content'] %}{% if '</think>' in content %}
{%- set content = content.split('</think>')[-1] %}{% endif %}
{{- '<|Assistant|>' + content + '<|end|>' }}{%- endif %}{%- endfor -%}
{% if ns.is_tool %}{{'<|tool|>'}}{% endif %}
{%- if add_generation_prompt and not ns.is_tool %}{{'<|Assistant|>'}}{% endif %})";
  CHECK(render(kSource, talk()) ==
        "<s>Be brief.<|User|>Hi<|Assistant|>Hello.<|end|><|User|>Why?<|Assistant|>");
}

TEST_CASE("a template of the Command R kind: alternation is checked", "[text]") {
  constexpr std::string_view kSource =
      "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] "
      "%}"
      "{% set system_message = messages[0]['content'] %}{% elif false == true %}"
      "{% set loop_messages = messages %}{% set system_message = 'You are Command-R.' %}{% else %}"
      "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
      "{% if system_message != false %}{{ '<|START|><|SYSTEM|>' + system_message + '<|END|>' }}"
      "{% endif %}{% for message in loop_messages %}"
      "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}{% set content = message['content'] "
      "%}"
      "{% if message['role'] == 'user' %}{{ '<|START|><|USER|>' + content.strip() + '<|END|>' }}"
      "{% elif message['role'] == 'assistant' %}"
      "{{ '<|START|><|CHATBOT|>'  + content.strip() + '<|END|>' }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|START|><|CHATBOT|>' }}{% endif %}";
  CHECK(render(kSource, talk()) ==
        "<s><|START|><|SYSTEM|>Be brief.<|END|><|START|><|USER|>Hi<|END|><|START|><|CHATBOT|>"
        "<think>well</think>Hello.<|END|><|START|><|USER|>Why?<|END|><|START|><|CHATBOT|>");
  ChatInput twice = talk();
  twice.messages = {{"user", "a"}, {"user", "b"}};
  const auto parsed = ChatTemplate::parse(kSource);
  REQUIRE(parsed);
  const auto refused = parsed->render(twice);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("alternate") != std::string::npos);
}

TEST_CASE("a template of the Qwen 2.5 kind: the branch for tools stays aside without any",
          "[text]") {
  constexpr std::string_view kSource = R"({%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- endif %}
    {{- "\n\n# Tools\n\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- tool_call.arguments | tojson }}
        {%- endfor %}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)";
  ChatInput input = talk();
  input.messages.push_back({"tool", "42"});
  CHECK(render(kSource, input) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\n<think>well</think>Hello.<|im_end|>\n<|im_start|>user\nWhy?"
        "<|im_end|>\n<|im_start|>user\n<tool_response>\n42<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("a template of the Mistral v1 kind: the system's words go into the first turn",
          "[text]") {
  constexpr std::string_view kSource =
      "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
      "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}"
      "{%- endif %}{{- bos_token }}{%- for message in loop_messages %}"
      "{%- if message['role'] == 'user' %}{%- if loop.first and system_message is defined %}"
      "{{- ' [INST] ' + system_message + '\n\n' + message['content'] + ' [/INST]' }}{%- else %}"
      "{{- ' [INST] ' + message['content'] + ' [/INST]' }}{%- endif %}"
      "{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token}}"
      "{%- else %}{{- raise_exception('Only user and assistant roles are supported') }}"
      "{%- endif %}{%- endfor %}";
  CHECK(render(kSource, talk()) ==
        "<s> [INST] Be brief.\n\nHi [/INST] <think>well</think>Hello.</s> [INST] Why? [/INST]");
}
