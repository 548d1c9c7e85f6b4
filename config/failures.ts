/**
 * The one catalogue of failures: every refusal and every gap has a stable code, a cause in plain words and a next step, in
 * Vietnamese and English. Problem documents, refused lines, lane reasons, reports and the CLI all read it.
 */
export interface Failure {
  readonly status: number
  readonly vi: { readonly cause: string; readonly next: string }
  readonly en: { readonly cause: string; readonly next: string }
}

const failure = (status: number, vi: [string, string], en: [string, string]): Failure => ({
  status,
  vi: { cause: vi[0], next: vi[1] },
  en: { cause: en[0], next: en[1] },
})

export const failures = {
  // Refusals at the door.
  'invalid-field': failure(
    422,
    ['Một trường có giá trị không hợp lệ.', 'Sửa trường được nêu tên rồi gửi lại.'],
    ['A field has a value that is not allowed.', 'Correct the field that is named and send again.'],
  ),
  'missing-field': failure(
    422,
    ['Thiếu một trường bắt buộc.', 'Bổ sung trường được nêu tên rồi gửi lại.'],
    ['A required field is missing.', 'Add the field that is named and send again.'],
  ),
  'unknown-field': failure(
    422,
    ['Có trường không nằm trong định nghĩa.', 'Bỏ trường đó hoặc sửa tên theo tài liệu tại /docs.'],
    ['A field is not part of the definition.', 'Remove it or correct its name as shown at /docs.'],
  ),
  'malformed-json': failure(
    400,
    ['Nội dung không phải JSON hợp lệ.', 'Kiểm tra dấu ngoặc, dấu phẩy và mã hóa UTF-8 rồi gửi lại.'],
    ['The content is not valid JSON.', 'Check brackets, commas and the UTF-8 encoding, then send again.'],
  ),
  'broken-utf8': failure(
    400,
    ['Nội dung không phải UTF-8 hợp lệ.', 'Gửi văn bản mã hóa UTF-8.'],
    ['The content is not valid UTF-8.', 'Send text encoded as UTF-8.'],
  ),
  'line-too-long': failure(
    413,
    ['Một dòng dài hơn mức cho phép.', 'Chia nhỏ hồ sơ hoặc gửi tệp bằng đường dẫn thay vì nội dung.'],
    ['A line is longer than allowed.', 'Send files as links instead of content.'],
  ),
  'too-many-items': failure(
    413,
    ['Danh sách có quá nhiều phần tử.', 'Gửi tối đa 1.000 hồ sơ mỗi lần, hoặc dùng /v1/dossiers/stream.'],
    ['The list has too many items.', 'Send at most 1,000 dossiers a call, or use /v1/dossiers/stream.'],
  ),
  'payload-too-large': failure(
    413,
    ['Nội dung lớn hơn mức cho phép.', 'Chia thành nhiều lần gửi, hoặc dùng /v1/dossiers/stream.'],
    ['The content is larger than allowed.', 'Split it, or use /v1/dossiers/stream.'],
  ),
  'unsupported-media-type': failure(
    415,
    ['Kiểu nội dung không được hỗ trợ.', 'Dùng application/json, hoặc application/x-ndjson cho /v1/dossiers/stream.'],
    ['The content type is not supported.', 'Use application/json, or application/x-ndjson for /v1/dossiers/stream.'],
  ),
  'duplicate-in-batch': failure(
    409,
    [
      'Cùng một mã hồ sơ xuất hiện hai lần và lần sau không mới hơn.',
      'Giữ một bản, hoặc ghi changedAt/version khác nhau.',
    ],
    [
      'The same dossier code appears twice and the later one is not newer.',
      'Keep one, or give them different changedAt or version.',
    ],
  ),
  'missing-key': failure(
    401,
    ['Thiếu khóa API.', 'Gửi tiêu đề Authorization: Bearer <khóa>. Quản trị viên cấp khóa bằng "dvcqg keys create".'],
    [
      'The API key is missing.',
      'Send the header Authorization: Bearer <key>. An administrator creates keys with "dvcqg keys create".',
    ],
  ),
  'invalid-key': failure(
    401,
    ['Khóa API không đúng hoặc đã bị thu hồi.', 'Xin quản trị viên khóa mới.'],
    ['The API key is wrong or was revoked.', 'Ask the administrator for a new key.'],
  ),
  'missing-right': failure(
    403,
    ['Khóa API không có quyền này.', 'Xin quản trị viên cấp khóa có quyền được nêu.'],
    ['The API key does not have this right.', 'Ask the administrator for a key with the right that is named.'],
  ),
  'not-a-person': failure(
    403,
    ['Đây là khóa của một hệ thống, không phải khóa cá nhân.', 'Xin khóa cá nhân: "dvcqg keys create --person".'],
    [
      'This is the key of a program, not of a person.',
      'Ask for a personal key: "dvcqg keys create --person" makes one.',
    ],
  ),
  'signed-out': failure(
    401,
    ['Phiên làm việc đã hết hạn; chưa có gì được thay đổi.', 'Đăng nhập lại rồi làm lại việc này.'],
    ['You are no longer signed in; nothing was changed.', 'Sign in and do it again.'],
  ),
  'foreign-form': failure(
    403,
    [
      'Biểu mẫu không gửi từ trang này nên không được nhận.',
      'Mở lại trang rồi gửi. Nếu luôn gặp lỗi này sau proxy: đặt PUBLIC_URL đúng địa chỉ mà trình duyệt dùng.',
    ],
    [
      'The form was not sent from this console and was not taken.',
      'Open the page and send it again. If this happens always, behind a proxy: set PUBLIC_URL to the address browsers use.',
    ],
  ),
  'file-too-large': failure(
    413,
    ['Tệp lớn hơn 20 MB.', 'Bỏ các trang tính và cột không dùng đến, hoặc chia thành nhiều tệp.'],
    ['The file is larger than 20 MB.', 'Take out sheets and columns that are not needed, or make several files of it.'],
  ),
  'agency-out-of-scope': failure(
    403,
    ['Khóa API không được phép thay mặt cơ quan này.', 'Dùng khóa của cơ quan, hoặc xin mở rộng phạm vi khóa.'],
    ['The API key may not speak for this agency.', "Use the agency's own key, or have the key's scope widened."],
  ),
  'not-found': failure(404, ['Không tìm thấy.', 'Kiểm tra lại mã.'], ['Not found.', 'Check the code.']),
  'replay-too-broad': failure(
    422,
    [
      'Điều kiện gửi lại quá rộng, có thể bao trùm toàn bộ lịch sử.',
      'Nêu cơ quan, thủ tục, nguyên nhân, mã lỗi, mã hồ sơ hoặc khoảng thời gian tiếp nhận; hồ sơ đã gửi cần cả hai đầu khoảng thời gian.',
    ],
    [
      'The choice of dossiers to send again could take in the whole history.',
      'Name an agency, procedure, reason, error, codes, or a period; delivered dossiers need both ends of a period.',
    ],
  ),
  'replay-too-large': failure(
    422,
    ['Quá nhiều hồ sơ cho một đợt gửi lại.', 'Thu hẹp điều kiện và chia thành nhiều đợt.'],
    ['Too many dossiers for one replay.', 'Narrow the choice and make several replays.'],
  ),
  'replay-changed': failure(
    409,
    ['Số hồ sơ không đúng với số đã xem trước.', 'Xem lại đợt gửi lại rồi bắt đầu với đúng số hồ sơ của nó.'],
    [
      'The number of dossiers is not the one that was expected.',
      'Look at the replay again and start it with the number it counts.',
    ],
  ),
  'replay-expired': failure(
    409,
    ['Bản xem trước của đợt gửi lại đã quá một giờ.', 'Lập đợt gửi lại mới.'],
    ['The draft of the replay is older than an hour.', 'Make a new one.'],
  ),
  'replay-state': failure(
    409,
    ['Đợt gửi lại không ở trạng thái cho phép thao tác này.', 'Xem trạng thái của đợt gửi lại ("dvcqg replays show").'],
    ['The state of the replay does not allow this.', 'Look at its state ("dvcqg replays show").'],
  ),
  'already-on-way': failure(
    409,
    ['Hồ sơ đang chờ gửi hoặc đang được gửi.', 'Không cần làm gì; xem tiến trình của hồ sơ.'],
    ['The dossier waits already, or is being sent.', 'Nothing to do; look at its timeline.'],
  ),
  'destination-forbidden': failure(
    422,
    [
      'Sự kiện không được phép gửi tới địa chỉ này.',
      'Dùng địa chỉ https công khai, hoặc thêm máy chủ và mạng nội bộ vào EVENT_ALLOWED_NETWORKS.',
    ],
    [
      'Events may not go to this address.',
      'Use a public https address, or list the host and the inner network in EVENT_ALLOWED_NETWORKS.',
    ],
  ),
  'destination-exists': failure(
    409,
    ['Đã có nơi nhận sự kiện mang tên này.', 'Chọn tên khác, hoặc sửa nơi nhận đang có.'],
    ['There is a destination of events with this name.', 'Choose another name, or change the one there is.'],
  ),
  unavailable: failure(
    503,
    ['Tạm thời không ghi được vào sổ cái.', 'Gửi lại sau vài giây; chưa có gì được nhận.'],
    ['The ledger cannot be written for the moment.', 'Send again in a few seconds; nothing was accepted.'],
  ),
  'queues-unreachable': failure(
    503,
    [
      'Không kết nối được Redis nên chưa xem được hàng đợi.',
      'Kiểm tra Redis ("dvcqg doctor"). Hồ sơ không mất: sổ cái biết mọi việc.',
    ],
    [
      'Redis cannot be reached, so the queues cannot be seen.',
      'Check Redis ("dvcqg doctor"). No dossier is lost: the ledger knows all work.',
    ],
  ),
  'queue-act-refused': failure(
    403,
    [
      'Việc này không được làm với hàng đợi ở đây.',
      'Chỉ được chạy lại phiếu lỗi, chạy ngay phiếu hẹn giờ, xóa phiếu lỗi. Việc khác: "dvcqg queues rebuild".',
    ],
    [
      'This is not done with a queue here.',
      'Failed tickets may be retried or removed, delayed ones run at once. For the rest there is "dvcqg queues rebuild".',
    ],
  ),
  internal: failure(
    500,
    ['Lỗi bên trong hệ thống.', 'Báo cho quản trị viên kèm mã yêu cầu (requestId).'],
    ['An internal error.', 'Tell the administrator, with the requestId.'],
  ),

  // Blocked: waits for a person, then goes on by itself.
  'no-national-code': failure(
    422,
    ['Thủ tục chưa có mã quốc gia.', 'Ánh xạ mã địa phương sang mã quốc gia; các hồ sơ đang chờ sẽ tự được gửi.'],
    [
      'The procedure has no national code.',
      'Map the local code to a national one; the dossiers that wait are then sent by themselves.',
    ],
  ),
  'ambiguous-national-code': failure(
    422,
    ['Mã địa phương ứng với nhiều mã quốc gia.', 'Thu hẹp ánh xạ theo cơ quan, cấp hoặc thời gian.'],
    ['The local code means several national codes.', 'Narrow the mappings by agency, level or dates.'],
  ),
  'predates-publication': failure(
    422,
    [
      'Hồ sơ được tiếp nhận trước khi thủ tục được chuẩn hóa và công bố.',
      'Nhập ánh xạ có ngày hiệu lực (validFrom) bao gồm ngày tiếp nhận, nếu hồ sơ vẫn thuộc thủ tục này.',
    ],
    [
      'The dossier was received before the procedure was standardised and published.',
      'Import a mapping whose validFrom covers the day of reception, if the dossier does belong to this procedure.',
    ],
  ),
  'procedure-closed': failure(
    422,
    ['Thủ tục quốc gia đã đóng.', 'Ánh xạ sang thủ tục thay thế.'],
    ['The national procedure is closed.', 'Map to the procedure that replaces it.'],
  ),
  'unknown-agency': failure(
    422,
    ['Cơ quan xử lý chưa có trong danh mục.', 'Nhập cơ quan bằng "dvcqg import agencies", hoặc sửa mã cơ quan.'],
    [
      'The handling agency is not in the list of agencies.',
      'Import it with "dvcqg import agencies", or correct its code.',
    ],
  ),
  'agency-closed': failure(
    422,
    [
      'Cơ quan xử lý đã chấm dứt trước ngày tiếp nhận và chưa rõ cơ quan nào kế tiếp.',
      'Chọn cơ quan kế tiếp ở trang "Cơ quan", hoặc nhập bằng "dvcqg import successions".',
    ],
    [
      'The handling agency was closed before the day of reception, and nobody said who follows it.',
      'Name its successor on the page "Agencies", or with "dvcqg import successions".',
    ],
  ),
  'agency-split': failure(
    422,
    [
      'Cơ quan xử lý đã được chia cho nhiều cơ quan; hệ thống không tự đoán.',
      'Chọn cơ quan tiếp nhận nhiệm vụ ở trang "Cơ quan", cho tất cả hoặc cho từng thủ tục.',
    ],
    [
      'The handling agency was divided among several; which one handles the dossier is not guessed.',
      'Choose it on the page "Agencies", for all dossiers or for one procedure.',
    ],
  ),
  'unmapped-status': failure(
    422,
    ['Trạng thái của hệ thống một cửa chưa được ánh xạ.', 'Nhập ánh xạ bằng "dvcqg import statuses".'],
    ["The one-stop system's status is not mapped.", 'Import the mapping with "dvcqg import statuses".'],
  ),
  'missing-for-portal': failure(
    422,
    ['Thiếu trường mà Cổng DVCQG bắt buộc.', 'Bổ sung trường được nêu tên trong hệ thống một cửa rồi gửi lại hồ sơ.'],
    [
      'A field that the portal requires is missing.',
      'Add the field that is named in the one-stop system and push the dossier again.',
    ],
  ),
  'invalid-for-portal': failure(
    422,
    [
      'Một trường không đúng quy định của Cổng DVCQG.',
      'Sửa trường được nêu tên trong hệ thống một cửa rồi gửi lại hồ sơ.',
    ],
    [
      'A field breaks a rule of the portal.',
      'Correct the field that is named in the one-stop system and push the dossier again.',
    ],
  ),

  // Parked: the machine gave up; a person resends after mending.
  'portal-refused': failure(
    502,
    ['Cổng DVCQG từ chối hồ sơ.', 'Đọc lời của Cổng, sửa hồ sơ, rồi gửi lại ("dvcqg resend").'],
    [
      'The portal refused the dossier.',
      'Read the words of the portal, correct the dossier, then resend ("dvcqg resend").',
    ],
  ),
  'step-refused': failure(
    502,
    [
      'Cổng DVCQG từ chối một bước xử lý; hồ sơ đã được nhận.',
      'Đọc lời của Cổng, sửa bước đó, rồi gửi lại ("dvcqg resend").',
    ],
    [
      'The portal refused a step; the dossier itself was accepted.',
      'Read the words of the portal, correct the step, then resend ("dvcqg resend").',
    ],
  ),
  'content-unreadable': failure(
    500,
    [
      'Không mở được nội dung đã mã hóa của hồ sơ.',
      'Khôi phục khóa cũ trong ENCRYPTION_KEYS, hoặc gửi lại hồ sơ từ hệ thống một cửa.',
    ],
    [
      'The sealed content of the dossier cannot be opened.',
      'Put the old key back into ENCRYPTION_KEYS, or push the dossier again.',
    ],
  ),
  'retries-exhausted': failure(
    502,
    ['Đã thử hết số lần mà chưa thành công.', 'Xem các lần thử, xử lý nguyên nhân, rồi gửi lại ("dvcqg resend").'],
    [
      'All attempts were used without success.',
      'Look at the attempts, remove the cause, then resend ("dvcqg resend").',
    ],
  ),

  // On the way: nothing to do unless it lasts.
  'waiting-for-portal': failure(
    503,
    [
      'Đang chờ đến lượt gửi lên Cổng DVCQG (đồng bộ chậm).',
      'Không cần làm gì; kiểm tra tốc độ và tình trạng của Cổng nếu kéo dài.',
    ],
    [
      'Waiting for its turn to be sent (slow sync).',
      'Nothing to do; check the pace and the state of the portal if it lasts.',
    ],
  ),
  retrying: failure(
    503,
    ['Lần gửi trước chưa thành công, sẽ tự thử lại.', 'Không cần làm gì; xem lý do của lần thử cuối nếu kéo dài.'],
    [
      'An earlier attempt failed; it is tried again by itself.',
      'Nothing to do; read the reason of the last attempt if it lasts.',
    ],
  ),
  'outcome-unknown': failure(
    503,
    [
      'Chưa biết Cổng DVCQG đã nhận hay chưa; đang tra cứu lại.',
      'Không cần làm gì; hồ sơ được tra cứu trước khi gửi lại.',
    ],
    [
      'It is not known whether the portal took it; it is being looked up.',
      'Nothing to do; it is looked up before it is sent again.',
    ],
  ),
  'portal-later': failure(
    503,
    ['Cổng DVCQG báo gửi lại sau.', 'Không cần làm gì; sẽ tự thử lại.'],
    ['The portal said: later.', 'Nothing to do; it is tried again.'],
  ),
  'portal-unrecognised': failure(
    502,
    ['Cổng DVCQG trả lời bằng mã lạ.', 'Xem nguyên văn câu trả lời; thêm quy tắc vào dialect nếu đã rõ nghĩa.'],
    [
      'The portal answered with a code that no rule knows.',
      'Read the answer; add a rule to the dialect once its meaning is clear.',
    ],
  ),
  'portal-busy': failure(
    503,
    ['Cổng DVCQG quá tải.', 'Không cần làm gì; tốc độ gửi tự giảm.'],
    ['The portal is overloaded.', 'Nothing to do; the pace slows down by itself.'],
  ),
  'portal-unreachable': failure(
    503,
    ['Không kết nối được tới máy chủ bảo mật hoặc Cổng DVCQG.', 'Kiểm tra PORTAL_URL, mạng và máy chủ bảo mật (SS).'],
    [
      'The security server or the portal cannot be reached.',
      'Check PORTAL_URL, the network and the security server (SS).',
    ],
  ),
  'portal-timeout': failure(
    504,
    ['Cổng DVCQG không trả lời kịp.', 'Không cần làm gì; kết quả được tra cứu trước khi gửi lại.'],
    ['The portal did not answer in time.', 'Nothing to do; the outcome is looked up before it is sent again.'],
  ),
  'portal-cut': failure(
    502,
    ['Kết nối bị ngắt giữa chừng.', 'Không cần làm gì; kết quả được tra cứu trước khi gửi lại.'],
    ['The connection was cut in the middle.', 'Nothing to do; the outcome is looked up before it is sent again.'],
  ),
  'portal-error': failure(
    502,
    ['Cổng DVCQG hoặc trục liên thông báo lỗi máy chủ.', 'Không cần làm gì; kết quả được tra cứu trước khi gửi lại.'],
    [
      'The portal or the gateway reported a server error.',
      'Nothing to do; the outcome is looked up before it is sent again.',
    ],
  ),
  'portal-unreadable': failure(
    502,
    ['Câu trả lời của Cổng DVCQG không đọc được.', 'Kiểm tra PORTAL_URL và dialect; xem nguyên văn câu trả lời.'],
    ['The answer of the portal cannot be read.', 'Check PORTAL_URL and the dialect; read the answer.'],
  ),
  'portal-login': failure(
    502,
    [
      'Không đăng nhập được Cổng DVCQG; các hồ sơ chờ, không mất lượt thử.',
      'Kiểm tra PORTAL_USERNAME, PORTAL_PASSWORD và PORTAL_DSTCODE ("dvcqg doctor").',
    ],
    [
      'Login to the portal failed; dossiers wait and lose no attempt.',
      'Check PORTAL_USERNAME, PORTAL_PASSWORD and PORTAL_DSTCODE ("dvcqg doctor").',
    ],
  ),
  'portal-pace': failure(
    503,
    ['Đang giữ nhịp gửi hoặc tạm nghỉ vì Cổng không sẵn sàng.', 'Không cần làm gì; việc gửi tự tiếp tục.'],
    [
      'Held back by the pace, or pausing because the portal is not available.',
      'Nothing to do; sending goes on by itself.',
    ],
  ),
  'delivery-held': failure(
    503,
    ['Một người vận hành đã tạm dừng mọi việc gửi.', 'Bỏ tạm dừng bằng "dvcqg deliveries release" khi có thể gửi lại.'],
    ['An operator stopped all sending.', 'Run "dvcqg deliveries release" when dossiers may go again.'],
  ),
  'quiet-hours': failure(
    503,
    ['Đang trong giờ không gửi (PORTAL_QUIET_HOURS).', 'Không cần làm gì; việc gửi tự tiếp tục khi hết giờ.'],
    ['Quiet hours (PORTAL_QUIET_HOURS): nothing is sent.', 'Nothing to do; sending goes on by itself when they end.'],
  ),
  'daily-quota': failure(
    503,
    [
      'Đã dùng hết số lượt gọi của ngày (PORTAL_CALLS_PER_DAY).',
      'Không cần làm gì; việc gửi tự tiếp tục sau 0 giờ. Nếu Cổng cho phép, tăng PORTAL_CALLS_PER_DAY rồi khởi động lại.',
    ],
    [
      "The day's calls are used up (PORTAL_CALLS_PER_DAY).",
      'Nothing to do; sending goes on by itself after midnight. If the portal allows it, raise PORTAL_CALLS_PER_DAY and restart.',
    ],
  ),
  'pace-unreachable': failure(
    503,
    ['Không đọc được nhịp gửi vì không kết nối được Redis.', 'Kiểm tra Redis, mạng và REDIS_URL.'],
    ['The pace cannot be read because Redis cannot be reached.', 'Check Redis, the network and REDIS_URL.'],
  ),
  'worker-lost': failure(
    503,
    ['Tiến trình gửi dừng giữa chừng.', 'Không cần làm gì; kết quả được tra cứu trước khi gửi lại.'],
    ['The sending process stopped in the middle.', 'Nothing to do; the outcome is looked up before it is sent again.'],
  ),

  // Events on their way to the province's systems.
  'destination-unreachable': failure(
    503,
    ['Không kết nối được tới nơi nhận sự kiện.', 'Kiểm tra địa chỉ, DNS, mạng và hệ thống nhận; sự kiện được giữ lại.'],
    [
      'The destination of events cannot be reached.',
      'Check its address, DNS, the network and the receiving system; the events are kept.',
    ],
  ),
  'destination-certificate': failure(
    502,
    [
      'Chứng thư TLS của nơi nhận sự kiện không được tin cậy.',
      'Cài chứng thư hợp lệ, hoặc thêm CA của tỉnh bằng NODE_EXTRA_CA_CERTS.',
    ],
    [
      'The TLS certificate of the destination of events is not trusted.',
      "Install a valid one, or add the province's own CA with NODE_EXTRA_CA_CERTS.",
    ],
  ),
  'destination-timeout': failure(
    504,
    ['Nơi nhận sự kiện không trả lời kịp (10 giây).', 'Trả lời 2xx ngay khi nhận, xử lý sau; sự kiện được giữ lại.'],
    [
      'The destination of events did not answer in time (10 seconds).',
      'Answer 2xx on arrival and do the work later; the events are kept.',
    ],
  ),
  'destination-error': failure(
    502,
    ['Nơi nhận sự kiện báo lỗi hoặc quá tải (5xx, 429).', 'Kiểm tra hệ thống nhận; sự kiện được giữ lại.'],
    [
      'The destination of events reports an error or is overloaded (5xx, 429).',
      'Look at the receiving system; the events are kept.',
    ],
  ),
  'destination-gone': failure(
    410,
    [
      'Nơi nhận trả lời 410: không nhận sự kiện nữa; đã tạm dừng.',
      'Bật lại bằng "dvcqg webhooks resume", hoặc xóa bằng "dvcqg webhooks remove".',
    ],
    [
      'The destination answered 410: it wants no events any more, and is paused.',
      'Run "dvcqg webhooks resume" when it does again, or "dvcqg webhooks remove".',
    ],
  ),
  'event-refused': failure(
    502,
    ['Nơi nhận từ chối sự kiện này (3xx, 4xx).', 'Sửa hệ thống nhận, rồi gửi lại ("dvcqg webhooks resend").'],
    [
      'The destination refuses this event (3xx, 4xx).',
      'Correct the receiving system, then resend ("dvcqg webhooks resend").',
    ],
  ),
  'event-expired': failure(
    504,
    [
      'Sự kiện đã được giữ hết thời hạn (EVENT_KEEP_DAYS) mà nơi nhận không nhận.',
      'Khôi phục hệ thống nhận, rồi gửi lại ("dvcqg webhooks resend").',
    ],
    [
      'The event was kept for EVENT_KEEP_DAYS, and its destination did not take it.',
      'Mend the receiving system, then resend ("dvcqg webhooks resend").',
    ],
  ),

  // Decisions about procedure codes.
  'unknown-national-code': failure(
    422,
    [
      'Danh mục thủ tục quốc gia không có mã này.',
      'Kiểm tra lại mã; nếu mã mới được công bố, lấy lại danh mục từ Cổng rồi thử lại.',
    ],
    [
      'The national catalogue does not have this code.',
      'Check the code; if it was published lately, pull the catalogue from the portal and try again.',
    ],
  ),
  'contradicts-mapping': failure(
    409,
    [
      'Trái với một đối chiếu đang có hiệu lực trong cùng phạm vi.',
      'Kết thúc đối chiếu cũ trước, hoặc giới hạn đối chiếu mới theo đơn vị, cấp hay thời gian.',
    ],
    [
      'It contradicts a mapping that holds at the same time in the same scope.',
      'End the old mapping first, or limit the new one to an agency, a level or a period.',
    ],
  ),
  'list-too-long': failure(
    422,
    [
      'Danh sách có quá nhiều dòng để quyết định một lần (tối đa 10.000).',
      'Chia thành nhiều tệp, hoặc nhập trên máy chủ bằng "dvcqg import mappings".',
    ],
    [
      'The list has too many rows for one decision (at most 10,000).',
      'Make several files of it, or import it on the server with "dvcqg import mappings".',
    ],
  ),
  'downloads-busy': failure(
    503,
    ['Đang có nhiều người tải tệp lớn cùng lúc.', 'Thử lại sau vài phút.'],
    ['Several long files are being downloaded at this moment.', 'Try again in some minutes.'],
  ),
  'unknown-mapping': failure(
    404,
    ['Không có đối chiếu này (đúng mã, phạm vi và thời gian).', 'Tải lại danh sách đối chiếu rồi thử lại.'],
    ['There is no such mapping (this code, scope and dates).', 'Load the list of mappings again and retry.'],
  ),
  'unknown-decision': failure(
    404,
    ['Không có quyết định với số này.', 'Xem danh sách quyết định đối chiếu.'],
    ['There is no decision of this number.', 'Look at the list of decisions.'],
  ),
  'undo-of-undo': failure(
    409,
    ['Quyết định này là một lần hủy, không hủy tiếp được.', 'Ra quyết định mới cho các mã đó.'],
    ['This decision took another one back; it cannot be undone itself.', 'Decide about these codes anew.'],
  ),
  'no-look-up': failure(
    409,
    [
      'Cổng (theo phương ngữ đã đặt) không có dịch vụ tra cứu hồ sơ, nên không đối soát được.',
      'Đặt lookUp.service trong phương ngữ nếu Cổng có dịch vụ này.',
    ],
    [
      'The portal, by its dialect, has no look-up of dossiers, so nothing can be compared.',
      'Set lookUp.service in the dialect if the portal has it.',
    ],
  ),
  'figures-off': failure(
    409,
    ['Chưa cấu hình báo cáo công khai của Cổng.', 'Đặt PUBLIC_REPORT_URL và PUBLIC_REPORT_MAP.'],
    ['The public report of the portal is not configured.', 'Set PUBLIC_REPORT_URL and PUBLIC_REPORT_MAP.'],
  ),
  'figures-unreachable': failure(
    502,
    ['Không tới được báo cáo công khai của Cổng.', 'Kiểm tra mạng ra ngoài, DNS và PUBLIC_REPORT_URL.'],
    [
      'The public report of the portal cannot be reached.',
      'Check the network to the outside, DNS and PUBLIC_REPORT_URL.',
    ],
  ),
  'figures-blocked': failure(
    502,
    [
      'Tường lửa của Cổng từ chối, hoặc Cổng đang bận.',
      'Không cần làm gì: sẽ thử lại sau. Nếu kéo dài, báo quản trị Cổng kèm mã hỗ trợ.',
    ],
    [
      "The portal's firewall turned us away, or the portal is busy.",
      'Nothing: it is tried again later. If it lasts, tell the administrators of the portal the support id.',
    ],
  ),
  'figures-unreadable': failure(
    502,
    [
      'Câu trả lời của báo cáo công khai không đọc được.',
      'Kiểm tra PUBLIC_REPORT_URL; nếu đúng, Cổng có thể đã đổi định dạng.',
    ],
    [
      'An answer of the public report cannot be read.',
      'Check PUBLIC_REPORT_URL; if it is right, the portal may have changed the form.',
    ],
  ),
  'figures-refused': failure(
    502,
    ['Cổng không chấp nhận câu hỏi về số liệu công khai.', 'Đọc lời của Cổng; kiểm tra PUBLIC_REPORT_MAP.'],
    ['The portal did not accept the question for its public figures.', 'Read its words; check PUBLIC_REPORT_MAP.'],
  ),
  'figures-incomplete': failure(
    502,
    [
      'Số liệu công khai tải về không đủ trang, hoặc đổi giữa chừng; số đủ lần trước vẫn được giữ.',
      'Không cần làm gì: sẽ thử lại sau.',
    ],
    [
      'The public figures lack pages or changed while they were read; the last complete ones stay.',
      'Nothing: it is tried again later.',
    ],
  ),
  'figures-dropped': failure(
    502,
    [
      'Số liệu công khai rơi về 0 hoặc mất nhiều đơn vị so với lần trước; số đủ lần trước vẫn được giữ.',
      'Xem trên Cổng; nếu đúng là như vậy, chạy "dvcqg public-figures fetch --accept-drop".',
    ],
    [
      'The public figures fell to 0 or lost many units; the last complete ones stay.',
      'Look at the portal; if it is right, run "dvcqg public-figures fetch --accept-drop".',
    ],
  ),
  'list-shrunk': failure(
    409,
    [
      'Danh sách ngắn hơn danh sách đang có quá nhiều; chưa thay đổi gì.',
      'Kiểm tra tệp; nếu đúng là như vậy, gửi lại và xác nhận danh sách đã ngắn đi.',
    ],
    [
      'The list is much shorter than the one that is known; nothing was changed.',
      'Check the file; if it is right, send it again and say that the list shrank.',
    ],
  ),
  'not-held': failure(
    409,
    [
      'Không có danh mục nào đang bị giữ lại để áp dụng, hoặc đã có danh mục mới hơn.',
      'Tải lại trang danh mục quốc gia.',
    ],
    ['No list is held that could be applied, or a newer one was applied since.', 'Look at the catalogue again.'],
  ),
  'decided-since': failure(
    409,
    [
      'Sau đó đã có người quyết định khác về mã này; chưa có gì thay đổi.',
      'Xem lại mã này rồi quyết định; để hủy quyết định cũ thì hủy quyết định mới hơn trước.',
    ],
    [
      'Somebody decided about this code again since; nothing was changed.',
      'Look at the code again and decide; to undo an older decision, undo the newer one first.',
    ],
  ),
  'already-undone': failure(
    409,
    ['Quyết định này đã được hoàn tác.', 'Không cần làm gì thêm.'],
    ['This decision was undone before.', 'Nothing needs to be done.'],
  ),
  'counters-not-set': failure(
    409,
    [
      'Thống kê tháng chưa gửi được vì còn thiếu một thiết lập; chưa gửi gì.',
      'Đặt thiết lập được nêu tên (docs/counters.md) rồi gửi lại.',
    ],
    [
      'Monthly counters cannot be sent yet because a setting is missing; nothing was sent.',
      'Set what is named (docs/counters.md) and send again.',
    ],
  ),
  'counters-month': failure(
    409,
    [
      'Tháng này chưa hết, hoặc sớm hơn tháng đầu tiên mà sổ cái có đủ hồ sơ; chưa gửi gì.',
      'Chọn tháng khác, hoặc sửa COUNTERS_SINCE.',
    ],
    [
      'The month is not over, or the ledger does not hold it whole; nothing was sent.',
      'Choose another month, or correct COUNTERS_SINCE.',
    ],
  ),
  'counters-untold': failure(
    409,
    [
      'Còn hồ sơ không xác định được đã kết thúc hay đúng hạn chưa; chưa gửi gì.',
      'Mở danh sách các hồ sơ đó và bổ sung, hoặc quy định cách tính chúng trong phương ngữ (counters).',
    ],
    [
      'Of some dossiers nobody can tell whether they ended or were in time; nothing was sent.',
      'Open their list and complete them, or say in the dialect (counters) how they count.',
    ],
  ),
  'counters-changed': failure(
    409,
    ['Số liệu đã thay đổi so với bản xem trước; chưa gửi gì.', 'Xem trước lại rồi gửi.'],
    ['The figures changed since the preview; nothing was sent.', 'Look at the preview again, then send.'],
  ),
  'counters-decided': failure(
    409,
    ['Lần gửi này không chờ ai quyết định, hoặc đang trên đường đi.', 'Tải lại trang thống kê tháng.'],
    ['This sending does not wait for a decision, or is under way.', 'Look at the page of the monthly counters again.'],
  ),

  // Flags: stored and shown, never a refusal.
  'illegal-status-move': failure(
    200,
    [
      'Trạng thái chuyển không theo quy trình; đã ghi nhận và đánh dấu.',
      'Kiểm tra lại quy trình trong hệ thống một cửa.',
    ],
    ['The status moved against the procedure rules; stored and flagged.', 'Check the workflow in the one-stop system.'],
  ),
  'late-step': failure(
    200,
    [
      'Bước xử lý đến sau một bước mới hơn đã gửi; vẫn được gửi và đánh dấu.',
      'Gửi các bước theo đúng thứ tự thời gian.',
    ],
    [
      'The step arrived after a newer one had been delivered; sent all the same, and flagged.',
      'Push steps in the order of their time.',
    ],
  ),
} as const satisfies Record<string, Failure>

export type FailureCode = keyof typeof failures
