#include "pxvm/text/pre_tokenizer_recipes.hpp"

#include <algorithm>

namespace pxos::text {
namespace {

#define PX_CONTRACTION R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define PX_WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define PX_SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define PX_SIGNS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
// Words that begin with capitals or end with small letters; marks belong to them.
#define PX_SMALL R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
#define PX_CAPITALS \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
#define PX_CJK R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)"
#define PX_EAST R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)"
// Signs that end a sentence in several scripts part words; the bracket and bar are as published.
#define PX_CLAUSE R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C}]+)"

constexpr std::string_view kGpt2 = kGpt2Expression;
constexpr std::string_view kDigit = kDigitExpression;
constexpr std::string_view kNumber = kNumberExpression;
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kQwen2 = PX_CONTRACTION "|" PX_WORD R"(|\p{N}|)" PX_SIGNS "|" PX_SPACES;
// Qwen 3.5: marks belong to words.
constexpr std::string_view kQwen35 = PX_CONTRACTION
    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" PX_SPACES;
constexpr std::string_view kLlama3 =
    PX_CONTRACTION "|" PX_WORD R"(|\p{N}{1,3}|)" PX_SIGNS "|" PX_SPACES;
constexpr std::string_view kGpt4o = PX_SMALL PX_CONTRACTION
    "?|" PX_CAPITALS PX_CONTRACTION R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" PX_SPACES;
constexpr std::string_view kTekken =
    PX_SMALL "|" PX_CAPITALS R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" PX_SPACES;
constexpr std::string_view kSeedCoder =
    PX_CONTRACTION "|" PX_WORD R"(|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" PX_SPACES;
// Its possessive quantifiers are as published.
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|)"
    R"(\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kNumbersApart =
    PX_CONTRACTION "|" PX_WORD R"(|\p{N}+|)" PX_SIGNS "|" PX_SPACES;
constexpr std::string_view kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+[\r\n]*|)" PX_SPACES;
// Spark: a line end stands alone.
constexpr std::string_view kSpark =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kUfakzeka = PX_WORD R"(|\p{N}|)" PX_SIGNS "|" PX_SPACES;
// Hangul, full-width signs, Bopomofo, then Chinese and Japanese, each in runs of its own.
constexpr std::string_view kYoutuScripts =
    R"([\x{AC00}-\x{D7A3}\x{3131}-\x{318E}]+|)"
    R"([\x{FF01}\x{2026}\x{201C}\x{201D}\x{2018}\x{2019}\x{2014}\x{FF1A}\x{FF1B}\x{FF0C}\x{3001}-\x{303F}\x{FE30}-\x{FE4F}]+|)"
    R"([\x{3105}-\x{312F}]+|)" PX_CJK;
constexpr std::string_view kYoutu = PX_SMALL PX_CONTRACTION
    "?|" PX_CAPITALS PX_CONTRACTION R"(?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" PX_SPACES;
// K-EXAONE: words over single spaces stay together.
constexpr std::string_view kExaoneMoe = PX_CONTRACTION
    R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|)"
    R"(\s*[\r\n]|\s+(?!\S)|\s+)";
// Jais 2: runs of spaces go in powers of two.
constexpr std::string_view kJais2 = PX_CONTRACTION
    "|" PX_WORD R"(|\p{N}{1,3}|)" PX_SIGNS
    R"(|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|)"
    R"(\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view kLines = R"([^\n]+|[\n]+)";
constexpr std::string_view kLineEnd = R"([\r\n])";
// The cased letters, as published: a list of its time, not a property of today's Unicode.
constexpr std::string_view kDeepSeekLetters =
    R"(\s?[)"
    R"(\x{41}-\x{5A}\x{61}-\x{7A}\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA})"
    R"(\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377})"
    R"(\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5})"
    R"(\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B})"
    R"(\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D})"
    R"(\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D})"
    R"(\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4})"
    R"(\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC})"
    R"(\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115})"
    R"(\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139})"
    R"(\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B})"
    R"(\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B})"
    R"(\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF})"
    R"(\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2})"
    R"(\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943})"
    R"(]+)";
constexpr std::string_view kDeepSeekSigns =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr std::string_view kThreeAscii = "[0-9][0-9][0-9]";

using Recipe = PreTokenizerRecipe;
constexpr Recipe kRecipes[] = {
    {"a.x-4.0", {kGpt2}},
    {"bailingmoe", {kBailing}},
    {"bailingmoe2", {kBailing}},
    {"bloom", {PX_CLAUSE}},
    {"chameleon",
     {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", R"([\t\n]|    |  )", kDigit,
      R"([\p{P}!-/:-@\[-`{-~])", kGpt2}},
    {"chatglm-bpe", {kLlama3}},
    {"codeshell", {kDigit, kGpt2}},
    {"command-r", {kDigit, kGpt2}},
    {"dbrx", {kLlama3}},
    {"deepseek-coder", {kLineEnd, R"(\s?\p{L}+)", R"(\s?\p{P}+)", PX_EAST, kDigit}},
    {"deepseek-llm",
     {kLineEnd, kDeepSeekLetters, kDeepSeekSigns, kSpacesAtEndExpression, PX_EAST, kNumber}},
    {"deepseek-r1-qwen", {kQwen2}},
    {"deepseek-v3", {kThreeDigits, PX_CJK, kDeepSeek3}},
    {"default", {R"([\p{P}$+<=>^~|]+)", kGpt2, kNumber, kThreeAscii}},
    {"exaone", {kDigit, kGpt2}},
    {"exaone-moe", {kExaoneMoe}},
    {"exaone4", {kGpt2}},
    {"f2llmv2", {kQwen2}},
    {"falcon", {kPunctuationExpression, kGpt2, kAsciiNumberExpression, kThreeAscii}},
    {"falcon-h1", {kLlama3}, true},
    {"falcon3", {kLlama3}, true},
    {"gigachat", {kGpt2}},
    {"glm4", {kLlama3}, true},
    {"glm5", {kLlama3}, true},
    {"gpt-2", {kGpt2}},
    {"gpt-4o", {kGpt4o}},
    {"gpt3-finnish", {PX_CLAUSE}},
    {"granite-docling", {kGpt2}},
    {"granite-embed-multi-97m", {kGpt4o}, true},
    {"grok-2", {kQwen2}},
    {"hunyuan", {kQwen2}},
    {"hunyuan-dense", {kThreeDigits, PX_CJK, kDeepSeek3}},
    {"hy_v4", {kThreeDigits, PX_CJK, kDeepSeek3}},
    {"jais", {kGpt2}},
    {"jais-2", {kJais2}},
    {"jina-de", {kGpt2}},
    {"jina-es", {kGpt2}},
    {"jina-v1-en", {kGpt2}},
    {"jina-v2-code", {kGpt2}},
    {"jina-v2-de", {kGpt2}},
    {"jina-v2-es", {kGpt2}},
    {"jina-v5-nano", {kLlama3}, true},
    {"joyai-llm", {kThreeDigits, PX_CJK, kDeepSeek3}},
    {"kanana2", {kGpt4o}},
    {"kormo", {kQwen2}},
    {"laguna", {kLines, kQwen2}},
    {"lfm2", {kLlama3}, true},
    {"llada-moe", {kBailing}},
    {"llama-bpe", {kLlama3}, true},
    {"llama-v3", {kLlama3}, true},
    {"llama3", {kLlama3}, true},
    {"llama4", {kGpt4o}},
    {"megrez", {kQwen2}},
    {"mellum", {kGpt2}},
    {"mellum2", {kDigit, kGpt2}},
    {"midm-2.0", {kLlama3}, true},
    {"minerva-7b", {kDigit, kGpt2}},
    {"minicpm5", {kThreeDigits, kNumbersApart}, true},
    {"minimax-m2", {kGpt4o}},
    {"modern-bert", {kGpt2}},
    {"mpt", {kGpt2}},
    {"olmo", {kGpt2}},
    {"phi-2", {kGpt2}},
    {"pixtral", {kLlama3}, true},
    {"poro-chat", {PX_CLAUSE}},
    {"qwen2", {kQwen2}},
    {"qwen35", {kQwen35}},
    {"refact", {kDigit, kGpt2}},
    {"roberta-bpe", {kGpt2}},
    {"seed-coder", {kSeedCoder}},
    {"smaug-bpe", {kLlama3}},
    {"smollm", {kDigit, kGpt2}},
    {"solar-open", {kQwen2}},
    {"spark2_5", {kThreeDigits, PX_CJK, kSpark, kDigit}},
    {"stablelm2", {kQwen2}},
    {"starcoder", {kDigit, kGpt2}},
    {"talkie", {kGpt4o}},
    {"tekken", {kTekken}, true},
    {"trillion", {kGpt2}},
    {"ufakzeka", {kUfakzeka}},
    {"viking", {PX_CLAUSE, kDigit}},
    {"youtu", {kYoutuScripts, kYoutu}, true},
};
static_assert(std::is_sorted(std::begin(kRecipes), std::end(kRecipes),
                             [](const Recipe& a, const Recipe& b) { return a.name < b.name; }));

}  // namespace

std::span<const PreTokenizerRecipe> pre_tokenizer_recipes() {
  return kRecipes;
}

}  // namespace pxos::text
