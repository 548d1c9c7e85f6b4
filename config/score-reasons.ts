/**
 * Why a dossier wins or loses an indicator of the index, in plain words, with the fields of docs/connecting.md that would change it. Each has
 * a letter of its own, by which the ledger keeps it: never give one to another reason.
 */
export type Outcome = 'wins' | 'loses' | 'not-counted' | 'unknown'

export interface ScoreReason {
  readonly mark: string
  readonly outcome: Outcome
  readonly fields: readonly string[]
  readonly vi: string
  readonly en: string
}

const reason =
  (outcome: Outcome) =>
  (mark: string, words: [vi: string, en: string], fields: readonly string[] = []): ScoreReason => ({
    mark,
    outcome,
    fields,
    vi: words[0],
    en: words[1],
  })
const wins = reason('wins')
const loses = reason('loses')
const notCounted = reason('not-counted')
const unknown = reason('unknown')

export const scoreReasons = {
  // 2.1
  'on-time': wins('A', ['Xong sớm hoặc đúng hạn', 'Done early or on time']),
  late: loses('a', ['Xong sau ngày hẹn trả', 'Done after the promised date'], ['finishedAt', 'promisedAt']),
  'within-time': wins('B', ['Chưa xong, còn trong hạn', 'Not done yet, still in time']),
  overdue: loses('b', ['Chưa xong và đã quá hạn', 'Not done, and overdue'], ['finishedAt', 'promisedAt']),
  'supplement-on-time': wins('C', [
    'Yêu cầu bổ sung trước hạn, tính đến lúc yêu cầu',
    'A supplement was asked for in time; it counts until then',
  ]),
  'supplement-late': loses(
    'c',
    ['Yêu cầu bổ sung sau ngày hẹn trả', 'A supplement was asked for after the promised date'],
    ['supplements.requestedAt', 'promisedAt'],
  ),
  'many-supplements': loses(
    'd',
    ['Yêu cầu bổ sung hơn một lần mà chưa xong', 'More than one supplement was asked for, and it is not done'],
    ['supplements', 'finishedAt'],
  ),
  'not-received': notCounted('D', ['Chưa được tiếp nhận', 'Not received']),
  'no-promise': unknown(
    'E',
    [
      'Không có ngày hẹn trả; thời hạn của thủ tục chưa biết',
      "No promised date, and the procedure's limit is not known",
    ],
    ['promisedAt'],
  ),
  'end-unknown': unknown(
    'F',
    ['Đã dừng, rút hoặc từ chối nhưng không biết lúc nào', 'Stopped, withdrawn or refused, but not known when'],
    ['refusedAt', 'steps'],
  ),
  'supplement-end-unknown': unknown(
    'G',
    ['Không biết lúc nào người dân nộp bổ sung', 'Not known when the supplement came'],
    ['supplements.receivedAt'],
  ),
  'status-unmapped': unknown('H', ['Trạng thái chưa được ánh xạ', 'The status word is not mapped'], ['status']),
  // The ledger keeps these two; what they mean is seen from the steps and the day that is asked about.
  open: unknown('I', ['Chưa kết thúc', 'Not ended'], []),
  'stopped-by-step': unknown('J', ['Thời điểm dừng nằm ở các bước', 'The steps tell when it was stopped'], []),
  // 3.3
  'online-with-result': wins('K', ['Nộp trực tuyến, có kết quả điện tử', 'Online, with an electronic result']),
  'channel-empty': loses(
    'k',
    ['Kênh để trống nên tính là trực tiếp', 'The channel is empty and counts as counter'],
    ['channel'],
  ),
  counter: loses('l', ['Nộp trực tiếp', 'Handed in at the counter'], ['channel']),
  post: loses('m', ['Nộp qua bưu chính', 'Sent by post'], ['channel']),
  'online-without-file': loses(
    'n',
    ['Nộp trực tuyến nhưng kết quả không có tệp', 'Online, but the result has no file'],
    ['results.url'],
  ),
  'online-result-open': unknown('L', ['Nộp trực tuyến, chưa có kết quả', 'Online, without a result yet'], ['results']),
  'online-result-unknown': unknown(
    'M',
    [
      'Nộp trực tuyến, đã xong mà không có kết quả; chưa biết thủ tục có trả giấy tờ không',
      'Online and done without a result; not known whether the procedure gives a paper',
    ],
    ['results'],
  ),
  // 3.6
  'paid-online': wins('N', ['Đã thanh toán trực tuyến', 'Paid online']),
  'paid-otherwise': loses('o', ['Không thanh toán trực tuyến', 'Not paid online'], ['paidOnline']),
  'payment-untold': loses(
    'p',
    ['Có phí nhưng không nói đã thanh toán thế nào', 'There is a fee, but nothing says how it was paid'],
    ['paidOnline'],
  ),
  'fees-zero': notCounted('O', ['Mọi khoản phí bằng 0', 'Every fee is 0']),
  'fees-unknown': unknown(
    'P',
    [
      'Không có danh sách phí; chưa biết thủ tục có phí không',
      'No list of fees; not known whether the procedure has one',
    ],
    ['fees'],
  ),
  // 4.1
  'result-with-file': wins('Q', ['Kết quả có tệp', 'The result has a file']),
  'result-without-file': loses('q', ['Kết quả không có tệp', 'The result has no file'], ['results.url']),
  'result-open': unknown('R', ['Chưa có kết quả', 'There is no result yet'], ['results']),
  'result-unknown': unknown(
    'S',
    [
      'Đã xong mà không có kết quả; chưa biết thủ tục có trả giấy tờ không',
      'Done without a result; not known whether the procedure gives a paper',
    ],
    ['results'],
  ),
  // 4.2
  'files-complete': wins('T', ['Có tệp ở thành phần và ở kết quả', 'Files among the papers and in the result']),
  'papers-without-file': loses('t', ['Thành phần hồ sơ không có tệp', 'No paper has a file'], ['papers.url']),
  'digitised-without-result': loses(
    'u',
    ['Đã xong nhưng kết quả không có tệp', 'Done, but there is no file in the result'],
    ['results.url'],
  ),
  'digitised-open': unknown(
    'U',
    ['Thành phần có tệp, chưa có kết quả', 'Papers have files, no result yet'],
    ['results'],
  ),
  // 4.3
  reused: wins('V', ['Có thành phần được tái sử dụng', 'A component was reused']),
  'not-reused': loses(
    'v',
    ['Không có thành phần nào được tái sử dụng', 'No component was reused'],
    ['papers.reused', 'papers.digitised', 'hasDigitisedPapers'],
  ),
  // 4.4
  'from-store': wins('W', ['Có thành phần lấy từ kho', 'A component is from the store']),
  'not-from-store': loses(
    'w',
    ['Không lấy từ kho, không có kết quả để đưa vào kho', 'Nothing from the store, and no result to put into it'],
    ['papers.fromNationalStore', 'results.url'],
  ),
  'store-open': unknown(
    'X',
    ['Chưa có kết quả để đưa vào kho', 'No result yet to put into the store'],
    ['results.url'],
  ),
  'store-unknown': unknown(
    'Y',
    ['Không biết kết quả đã vào kho chưa', 'Not known whether the result is in the store'],
    ['papers.fromNationalStore'],
  ),
  // 4.5
  'population-data': wins('Z', ['Có dữ liệu dân cư', 'Population data was used']),
  'no-population-data': loses(
    'x',
    ['Không xác thực VNeID, không dùng dữ liệu dân cư', 'Not verified by VNeID, no population data'],
    ['verifiedWithVneid', 'databases'],
  ),
  'database-unknown': unknown(
    'y',
    [
      'Có nối cơ sở dữ liệu nhưng chưa biết mã nào là dân cư',
      'A database was used; the code of the population one is not public',
    ],
    ['databases'],
  ),
  // 1.4, from the lane and not from the content
  'at-portal': wins('1', ['Đã có trên Cổng', 'At the portal']),
  'steps-behind': wins('2', [
    'Đã có trên Cổng, còn bước chưa đồng bộ (cách tính mới tính cả điều này)',
    'At the portal, with steps that wait (a newer wording counts them)',
  ]),
  'not-at-portal': loses('3', ['Chưa có trên Cổng', 'Not at the portal'], []),
} as const satisfies Record<string, ScoreReason>

export type ScoreReasonCode = keyof typeof scoreReasons
