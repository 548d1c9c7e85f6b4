import type { Language } from './words.ts'

/** What is wrong with a list, in Vietnamese: readers and the ledger say it in English. What is not known here is said as it is. */
const inVietnamese: readonly (readonly [RegExp, string])[] = [
  [/^The file is empty; its first row must be (.+)$/, 'Tệp trống; dòng đầu phải là $1'],
  [/^The column (.+) is missing$/, 'Thiếu cột $1'],
  [/^This column is not known; known are (.+)$/, 'Không có cột nào tên như vậy; các cột được dùng: $1'],
  [/^This column appears twice$/, 'Cột này xuất hiện hai lần'],
  [/^This row says the same thing again as row (\d+)$/, 'Dòng này lặp lại dòng $1'],
  [/^The file has a header and no rows$/, 'Tệp chỉ có dòng tiêu đề, không có dòng nào khác'],
  [/^The row has (\d+) cells, the header has (\d+)$/, 'Dòng có $1 ô, dòng tiêu đề có $2 ô'],
  [
    /^No sheet has the columns (.+); the file has the sheets (.+)$/,
    'Không trang tính nào có các cột $1; tệp có các trang tính: $2',
  ],
  [/^The sheet (.+) is not in the file$/, 'Không tìm thấy trang tính $1 trong tệp'],
  [/^The file is damaged.*/, 'Tệp bị hỏng, không đọc được'],
  [/^This is not an Excel workbook.*/, 'Đây không phải tệp Excel (.xlsx)'],
  [
    /^This is a workbook of old Excel.*/,
    'Đây là tệp Excel đời cũ (.xls) hoặc có mật khẩu; hãy lưu lại thành tệp .xlsx không có mật khẩu',
  ],
  [/^The sheet is too large to be a list$/, 'Trang tính quá lớn'],
  [/^The sheet has more than (\d+) rows$/, 'Trang tính có hơn $1 dòng'],
  [
    /^The sheet .*; hand a longer register in as CSV or NDJSON.*/,
    'Trang tính quá lớn (tối đa 500.000 dòng); sổ dài hơn thì nạp bằng CSV hoặc NDJSON, qua dòng lệnh hoặc API',
  ],
  [/^A time is written (.+) or (.+)$/, 'Thời gian viết dạng $2 hoặc $1'],
  [/^It must be a whole number$/, 'Phải là số nguyên'],
  [/^More than (\d+) rows have the code of this one$/, 'Hơn $1 dòng có cùng mã hồ sơ với dòng này'],
  [/^A row must be a JSON object$/, 'Mỗi dòng phải là một đối tượng JSON'],
  [/^Not valid JSON.*/, 'Dòng không phải JSON hợp lệ'],
  [/^The line is longer than (\d+) bytes$/, 'Dòng dài hơn $1 byte'],
  [/^The cells (.+) are merged.*/, 'Các ô $1 bị gộp; mỗi dòng cần có giá trị riêng'],
  [/^The cell shows an error \((.+)\)$/, 'Ô báo lỗi ($1)'],
  [/^The cell holds a formula without a value.*/, 'Ô có công thức chưa được tính; mở tệp bằng Excel rồi lưu lại'],
  [
    /^The cell holds a number.*/,
    'Ô chứa số nên Excel có thể đã bỏ các số 0; định dạng cột là văn bản (Text) rồi nhập lại',
  ],
  [/^The cell holds a day.*/, 'Ô chứa ngày tháng, không phải mã; định dạng cột là văn bản (Text) rồi nhập lại'],
  [/^This is not UTF-8.*/, 'Bảng mã của tệp không đọc được; hãy lưu tệp dạng “CSV UTF-8” hoặc .xlsx'],
  [/^A quotation mark is opened and never closed$/, 'Dấu nháy kép mở mà không đóng'],
  [
    /^A quotation mark stands in the wrong place.*/,
    'Dấu nháy kép đặt sai chỗ; trong ô có dấu nháy thì phải viết thành hai dấu liền nhau',
  ],
  [/^It must not be blank$/, 'Không được để trống'],
  [/^A code has no spaces or control characters$/, 'Mã không được có dấu cách hoặc ký tự điều khiển'],
  [/^A code has no control characters$/, 'Mã không được có ký tự điều khiển'],
  [/^At most (\d+) characters$/, 'Tối đa $1 ký tự'],
  [/^It holds signs that are no text$/, 'Có ký tự không phải văn bản'],
  [/^It must be one of (.+)$/, 'Phải là một trong các giá trị: $1'],
  [/^A day is written (.+) or (.+)$/, 'Ngày viết dạng $2 hoặc $1'],
  [/^It must lie after valid_from.*/, 'Phải sau ngày valid_from; ánh xạ hết hiệu lực trước ngày này'],
  [/^A national code looks like (.+)$/, 'Mã quốc gia phải có dạng $1'],
  [/^The national catalogue does not have (.+)$/, 'Danh mục quốc gia không có mã $1'],
  [/^(.+) was withdrawn$/, 'Thủ tục $1 đã bị bãi bỏ'],
  [
    /^(.+) means (.+) at the same time in the same scope; end that mapping first$/,
    '$1 đang là $2 trong cùng phạm vi và thời gian; hãy kết thúc ánh xạ đó trước',
  ],
]

export function faultWords(detail: string, language: Language): string {
  if (language === 'en') return detail
  for (const [pattern, words] of inVietnamese) if (pattern.test(detail)) return detail.replace(pattern, words)
  return detail
}
