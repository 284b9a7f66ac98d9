#include "pairloom/vocabulary.hpp"

#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "check.hpp"
#include "pairloom/hashing.hpp"

using pairloom::absent_key;
using pairloom::missing_key;
using pairloom::Vocabulary;

namespace {

using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;
using Numbers = std::vector<std::int32_t>;

struct Strings {
  explicit Strings(const Texts& items) {
    for (const std::string& item : items) {
      starts.push_back(static_cast<std::int64_t>(data.size()));
      data += item;
      ends.push_back(static_cast<std::int64_t>(data.size()));
    }
  }
  pairloom::StringKeys keys() const { return {starts, ends, data.data(), {}}; }

  Integers starts, ends;
  std::string data;
};

Numbers lookup(const Vocabulary& vocabulary, const Integers& keys) {
  Numbers numbers(keys.size());
  vocabulary.lookup(pairloom::IntegerKeys{keys, {}}, numbers);
  return numbers;
}

Numbers lookup(const Vocabulary& vocabulary, const Texts& keys) {
  Numbers numbers(keys.size());
  vocabulary.lookup(Strings(keys).keys(), numbers);
  return numbers;
}

void test_hashes_never_change() {
  static_assert(pairloom::mix(1) == 0x5692161d100b05e5U);
  static_assert(pairloom::hash_integer(42, 0) == 0x4579b960bb007f46U);
  static_assert(pairloom::hash_integer(-7, 3) == 0x70d9d3a88b442ef9U);
  static_assert(pairloom::hash_bytes("", 0) == 0x5692161d100b05e5U);
  static_assert(pairloom::hash_bytes("Comedy", 0) == 0x2d9042b7e065a35aU);
  static_assert(pairloom::hash_bytes("Animation", 5) == 0xe729b18e06c4a917U);
  CHECK(pairloom::hash_bytes("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 0) == 0xb3b010cd5f4f6013U);
  CHECK(pairloom::hash_bucket(pairloom::hash_integer(42, 0), 1000) == 271);
  CHECK(pairloom::hash_bucket(~std::uint64_t{0}, 0x7fffffffU) == 0x7ffffffeU);
}

void test_canonical_integers() {
  const std::vector<std::pair<std::string, std::int64_t>> integers = {
      {"0", 0}, {"12", 12}, {"-7", -7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN}};
  for (const auto& [text, integer] : integers) CHECK(pairloom::canonical_integer(text) == integer);
  for (const char* text : {"", "-", "-0", "+1", "012", "00", "1.0", " 1", "1 ", "1e3", "9223372036854775808",
                           "-9223372036854775809", "99999999999999999999", "-01", "--1", "\xd9\xa1"}) {
    CHECK(!pairloom::canonical_integer(text));
  }
}

void test_numbers_in_order_of_appearance() {
  Vocabulary vocabulary(0);
  CHECK(vocabulary.add(pairloom::IntegerKeys{Integers{5, -1, 5}, {}}) == 0);
  CHECK(vocabulary.add(Strings({"x", "5", "", "-1", "05", "x"}).keys()) == 1);
  CHECK(lookup(vocabulary, Integers{5, -1, 7}) == (Numbers{0, 1, absent_key}));
  CHECK(lookup(vocabulary, Texts{"05", "x", "5", "", "y"}) == (Numbers{3, 2, 0, missing_key, absent_key}));
  CHECK(vocabulary.size() == 4);
  CHECK(Integers(vocabulary.counts().begin(), vocabulary.counts().end()) == (Integers{3, 2, 2, 1}));
}

void test_missing_rows_are_not_learned() {
  Vocabulary vocabulary(0);
  const bool valid[] = {true, false};
  const Integers keys = {1, 2};
  CHECK(vocabulary.add(pairloom::IntegerKeys{keys, valid}) == 1);
  Numbers numbers(2);
  vocabulary.lookup(pairloom::IntegerKeys{keys, valid}, numbers);
  CHECK(numbers == (Numbers{0, missing_key}));
  const Strings strings({"a", "b"});
  auto string_keys = strings.keys();
  string_keys.valid = valid;
  CHECK(vocabulary.add(string_keys) == 1);
  vocabulary.lookup(string_keys, numbers);
  CHECK(numbers == (Numbers{1, missing_key}));
  CHECK(vocabulary.size() == 2);
}

// The inverse of mix: multiplication by an odd number is undone by its inverse, x ^ (x >> s) by repeating the shift.
std::uint64_t unmix(std::uint64_t x) {
  const auto inverse = [](std::uint64_t odd) {
    std::uint64_t guess = odd;
    for (int i = 0; i < 5; ++i) guess *= 2 - odd * guess;
    return guess;
  };
  const auto unshift = [](std::uint64_t y, int s) {
    std::uint64_t result = y;
    for (int done = s; done < 64; done += s) result = y ^ (result >> s);
    return result;
  };
  x = unshift(x, 31) * inverse(0x94d049bb133111ebU);
  x = unshift(x, 27) * inverse(0xbf58476d1ce4e5b9U);
  return unshift(x, 30);
}

void test_keys_that_all_collide() {
  const std::uint64_t seed = 11;
  Integers keys;
  for (std::uint64_t low = 0; low < 3000; ++low) {  // hashes 0, 1, 2, ...: one slot at every size of the table
    keys.push_back(static_cast<std::int64_t>(unmix(low) ^ pairloom::mix(seed + pairloom::golden)));
    CHECK(pairloom::hash_integer(keys.back(), seed) == low);
  }
  Vocabulary vocabulary(seed);
  vocabulary.add(pairloom::IntegerKeys{keys, {}});
  const Numbers numbers = lookup(vocabulary, keys);
  for (std::size_t i = 0; i < keys.size(); ++i) CHECK(numbers[i] == static_cast<std::int32_t>(i));
  CHECK(lookup(vocabulary, Integers{keys[0] ^ 1}) == Numbers{absent_key});
}

void test_growth_against_unordered_map() {
  std::mt19937_64 random(3);
  Vocabulary vocabulary(random());
  std::unordered_map<std::string, std::int32_t> expected;
  std::unordered_map<std::string, std::int64_t> counts;
  Texts all;
  for (int round = 0; round < 200; ++round) {
    Texts batch;
    for (int i = 0; i < 500; ++i) {
      const auto key = static_cast<std::int64_t>(random() % 30000) - 15000;
      batch.push_back(round % 3 == 0 ? std::to_string(key) : "item/" + std::to_string(key));
    }
    for (const std::string& key : batch) {
      expected.try_emplace(key, static_cast<std::int32_t>(expected.size()));
      ++counts[key];
    }
    if (round % 6 == 0) {
      Integers integers;
      for (const std::string& key : batch) integers.push_back(std::stoll(key));
      vocabulary.add(pairloom::IntegerKeys{integers, {}});
    } else {
      vocabulary.add(Strings(batch).keys());
    }
    all.insert(all.end(), batch.begin(), batch.end());
  }
  const Numbers numbers = lookup(vocabulary, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(numbers[i] == expected.at(all[i]));
    CHECK(vocabulary.counts()[static_cast<std::size_t>(numbers[i])] == counts.at(all[i]));
  }
  CHECK(vocabulary.size() == expected.size());
}

void test_restored_vocabulary_equals_the_original() {
  Vocabulary original(1);
  original.add(Strings({"b", "3", "a", "b"}).keys());
  const auto ends = original.string_ends();
  Integers starts(1, 0);
  starts.insert(starts.end(), ends.begin(), ends.end());
  starts.pop_back();
  const pairloom::StringKeys strings{starts, ends, original.string_data().data(), {}};
  Vocabulary copy(2);
  copy.restore(original.integers(), original.is_string(), strings, original.counts());
  CHECK(lookup(copy, Texts{"b", "3", "a"}) == (Numbers{0, 1, 2}));
  CHECK(copy.counts()[0] == 2);

  const Integers one = {1};
  const Integers twice = {1, 1};
  const std::vector<std::uint8_t> strings_only = {1};
  Vocabulary empty(0);
  CHECK_THROWS(empty.restore(twice, {}, Strings({}).keys(), twice), std::invalid_argument);
  CHECK_THROWS(empty.restore(one, strings_only, Strings({}).keys(), one), std::invalid_argument);
  CHECK_THROWS(empty.restore(one, strings_only, Strings({"12"}).keys(), one), std::invalid_argument);
  CHECK_THROWS(empty.restore(one, strings_only, Strings({""}).keys(), one), std::invalid_argument);
}

void test_too_many_keys() {
  Vocabulary vocabulary(0, 3);
  vocabulary.add(pairloom::IntegerKeys{Integers{1, 2, 3, 1}, {}});
  CHECK_THROWS(vocabulary.add(pairloom::IntegerKeys{Integers{1, 4}, {}}), std::length_error);
  CHECK(lookup(vocabulary, Integers{1, 2, 3, 4}) == (Numbers{0, 1, 2, absent_key}));
}

void test_hashed_keys() {
  Numbers from_integers(2);
  Numbers from_strings(4);
  pairloom::hash_keys(pairloom::IntegerKeys{Integers{42, -7}, {}}, 0, 1000, from_integers);
  const Strings strings({"42", "-7", "", "042"});
  pairloom::hash_keys(strings.keys(), 0, 1000, from_strings);
  CHECK(from_integers[0] == 271);
  CHECK(from_strings[0] == 271 && from_strings[1] == from_integers[1]);
  CHECK(from_strings[2] == missing_key && from_strings[3] >= 0 && from_strings[3] < 1000);
}

}  // namespace

int main() {
  test_hashes_never_change();
  test_canonical_integers();
  test_numbers_in_order_of_appearance();
  test_missing_rows_are_not_learned();
  test_keys_that_all_collide();
  test_growth_against_unordered_map();
  test_restored_vocabulary_equals_the_original();
  test_too_many_keys();
  test_hashed_keys();
}
